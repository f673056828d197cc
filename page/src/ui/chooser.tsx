// SPDX-License-Identifier: Apache-2.0
// Which Deployment is looked at.

import type { Place } from "../api/contract";
import { linkTo } from "../host/choice";
import { Select } from "./parts";

interface Props {
  places: readonly Place[];
  chosen: Place | null;
  choose: (place: Place) => void;
}

function byConnection(places: readonly Place[]): [connection: string, places: Place[]][] {
  const groups = new Map<string, Place[]>();
  for (const place of places) groups.set(place.connection, [...(groups.get(place.connection) ?? []), place]);
  return [...groups];
}

/** Its label; when another of the group has the same, with what tells them apart. */
const named = ({ label, deployment }: Place, group: readonly Place[]): string =>
  group.filter((place) => place.label === label).length > 1 ? `${label} (${deployment})` : label;

/** For the head of the page. */
export const Chooser = ({ places, chosen, choose }: Props) => (
  <div className="rbk-chooser">
    <Select
      label="Deployment"
      value={chosen ? String(places.indexOf(chosen)) : ""}
      choose={(at) => choose(places[Number(at)]!)}
    >
      {!chosen && (
        <option value="" disabled>
          Choose…
        </option>
      )}
      {byConnection(places).map(([connection, group]) => (
        <optgroup key={connection} label={connection}>
          {group.map((place) => (
            <option key={place.deployment} value={places.indexOf(place)}>
              {named(place, group)}
            </option>
          ))}
        </optgroup>
      ))}
    </Select>
  </div>
);

/** For a page on which nothing is chosen yet. */
export function PlaceList({ places, choose }: Omit<Props, "chosen">) {
  return (
    <nav aria-label="Deployments" className="rbk-places">
      {byConnection(places).map(([connection, group]) => (
        <section key={connection}>
          <h2>{connection}</h2>
          <ul>
            {group.map((place) => (
              <li key={place.deployment}>
                <PlaceLink place={place} choose={choose} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  );
}

function PlaceLink({ place, choose }: { place: Place; choose: (place: Place) => void }) {
  const follow = (event: { preventDefault(): void; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab or window is wanted
    event.preventDefault();
    choose(place);
  };
  return (
    <a href={linkTo(window.location.pathname, place)} onClick={follow}>
      <strong>{place.label}</strong>
      <span>{place.deployment}</span>
    </a>
  );
}
