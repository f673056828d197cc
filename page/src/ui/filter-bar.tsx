// SPDX-License-Identifier: Apache-2.0
// Search and filters for the loaded deploys.

import { type Choices, type Filters, isFiltered, NO_FILTERS } from "../model/filters";
import { typeLabel } from "../model/labels";
import { Select } from "./parts";

interface Props {
  filters: Filters;
  choices: Choices;
  change: (filters: Filters) => void;
}

export function FilterBar({ filters, choices, change }: Props) {
  const set = (part: Partial<Filters>) => change({ ...filters, ...part });
  return (
    <div className="rbk-row rbk-filters" role="search" aria-label="Deploys">
      <input
        type="search"
        className="rbk-search"
        aria-label="Search deploys"
        placeholder="Search tag, user, description, commit…"
        value={filters.search}
        onInput={(event) => set({ search: event.currentTarget.value })}
      />
      <Choice name="Status" value={filters.status} values={choices.statuses} set={(status) => set({ status })} />
      <Choice name="Type" value={filters.type} values={choices.types} words={typeLabel} set={(type) => set({ type })} />
      <Choice name="Runtime" value={filters.runtime} values={choices.runtimes} set={(runtime) => set({ runtime })} />
      <label className="rbk-check">
        <input
          type="checkbox"
          checked={filters.possible}
          onChange={(event) => set({ possible: event.currentTarget.checked })}
        />
        Only possible targets
      </label>
      {isFiltered(filters) && (
        <button type="button" onClick={() => change(NO_FILTERS)}>
          Clear
        </button>
      )}
    </div>
  );
}

interface ChoiceProps {
  name: string;
  value: string;
  values: readonly string[];
  words?: (value: string) => string;
  set: (value: string) => void;
}

const Choice = ({ name, value, values, words = String, set }: ChoiceProps) => (
  <Select label={name} value={value} choose={set}>
    <option value="">All</option>
    {values.map((each) => (
      <option key={each} value={each}>
        {words(each)}
      </option>
    ))}
  </Select>
);
