// SPDX-License-Identifier: Apache-2.0
// The services that every part of the page uses.

import { createContext, useContext } from "react";
import type { Client } from "../api/client";
import type { Clock } from "../model/time";

export interface PageServices {
  client: Client;
  clock: Clock;
}

export const PageContext = createContext<PageServices | null>(null);

export function usePageContext(): PageServices {
  const found = useContext(PageContext);
  if (!found) throw new Error("A part of the page was used outside of the page.");
  return found;
}
