// SPDX-License-Identifier: Apache-2.0
// The selection of a Deployment.

import type { DeploymentOption } from "../api/contract";
import { linkTo } from "../host/selection";
import { Select } from "./parts";

interface Props {
  options: readonly DeploymentOption[];
  chosen: DeploymentOption | null;
  choose: (option: DeploymentOption) => void;
}

function byConnection(options: readonly DeploymentOption[]): [connection: string, options: DeploymentOption[]][] {
  const groups = new Map<string, DeploymentOption[]>();
  for (const option of options) groups.set(option.connection, [...(groups.get(option.connection) ?? []), option]);
  return [...groups];
}

/** Its label; with the Deployment if another option of the group has the same label. */
const named = ({ label, deployment }: DeploymentOption, group: readonly DeploymentOption[]): string =>
  group.filter((option) => option.label === label).length > 1 ? `${label} (${deployment})` : label;

/** The select in the heading of the page. */
export const DeploymentSelect = ({ options, chosen, choose }: Props) => (
  <div className="rbk-select">
    <Select
      label="Deployment"
      value={chosen ? String(options.indexOf(chosen)) : ""}
      choose={(at) => choose(options[Number(at)]!)}
    >
      {!chosen && (
        <option value="" disabled>
          Choose…
        </option>
      )}
      {byConnection(options).map(([connection, group]) => (
        <optgroup key={connection} label={connection}>
          {group.map((option) => (
            <option key={option.deployment} value={options.indexOf(option)}>
              {named(option, group)}
            </option>
          ))}
        </optgroup>
      ))}
    </Select>
  </div>
);

/** The list for a page without a selected Deployment. */
export function OptionList({ options, choose }: Omit<Props, "chosen">) {
  return (
    <nav aria-label="Deployments" className="rbk-options">
      {byConnection(options).map(([connection, group]) => (
        <section key={connection}>
          <h2>{connection}</h2>
          <ul>
            {group.map((option) => (
              <li key={option.deployment}>
                <OptionLink option={option} choose={choose} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  );
}

function OptionLink({ option, choose }: { option: DeploymentOption; choose: (option: DeploymentOption) => void }) {
  const track = (event: { preventDefault(): void; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // opens another tab or window
    event.preventDefault();
    choose(option);
  };
  return (
    <a href={linkTo(window.location.pathname, option)} onClick={track}>
      <strong>{option.label}</strong>
      <span>{option.deployment}</span>
    </a>
  );
}
