// SPDX-License-Identifier: Apache-2.0
// Which Deployment is looked at.

import type { DeploymentOption } from "../api/contract";
import { linkTo } from "../host/choice";
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

/** Its label; when another of the group has the same, with what tells them apart. */
const named = ({ label, deployment }: DeploymentOption, group: readonly DeploymentOption[]): string =>
  group.filter((option) => option.label === label).length > 1 ? `${label} (${deployment})` : label;

/** For the summary of the page. */
export const Chooser = ({ options, chosen, choose }: Props) => (
  <div className="rbk-chooser">
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

/** For a page on which nothing is chosen yet. */
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
  const follow = (event: { preventDefault(): void; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab or window is wanted
    event.preventDefault();
    choose(option);
  };
  return (
    <a href={linkTo(window.location.pathname, option)} onClick={follow}>
      <strong>{option.label}</strong>
      <span>{option.deployment}</span>
    </a>
  );
}
