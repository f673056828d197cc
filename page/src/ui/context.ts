// SPDX-License-Identifier: Apache-2.0
// What every part of the page needs.

import { createContext, useContext } from "react";
import type { Client } from "../api/client";
import type { Clock } from "../model/time";

export interface Surroundings {
  client: Client;
  clock: Clock;
}

export const SurroundingsContext = createContext<Surroundings | null>(null);

export function useSurroundings(): Surroundings {
  const found = useContext(SurroundingsContext);
  if (!found) throw new Error("A part of the page was used outside of the page.");
  return found;
}
