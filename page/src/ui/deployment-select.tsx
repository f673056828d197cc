// SPDX-License-Identifier: Apache-2.0
// The selection of a Deployment.

import { useEffect, useRef, useState } from "react";
import type { DeploymentOption, HistoryPage } from "../api/contract";
import { asProblem, type Problem } from "../api/problem";
import { linkTo } from "../host/selection";
import { healthTone, isolated, nameOf, shortName } from "../model/labels";
import { usePageContext } from "./context";
import { useNear } from "./hooks";
import { Badge, Name, Select, Time } from "./parts";

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
  group.filter((option) => option.label === label).length > 1 ? `${isolated(label)} (${deployment})` : isolated(label);

/** The select in the heading of the page. */
export function DeploymentSelect({ options, chosen, choose }: Props) {
  const at = chosen ? options.indexOf(chosen) : -1;
  return (
    <div className="rbk-select">
      <Select
        label="Deployment"
        value={at < 0 ? "" : String(at)}
        choose={(value) => choose(options[Number(value)]!)}
      >
        {at < 0 && (
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
}

interface OptionState {
  page: HistoryPage | null;
  problem: Problem | null;
}

/** The last read of the list: one Deployment is read after the other, so that a long list is no burst of requests. */
let reading: Promise<unknown> = Promise.resolve();

/** Read a Deployment when it comes into view. */
function useOptionState(option: DeploymentOption, element: { readonly current: Element | null }): OptionState | null {
  const { client } = usePageContext();
  const [state, setState] = useState<OptionState | null>(null);
  const isVisible = useRef(false);
  const isRequested = useRef(false);
  useEffect(() => () => void (isVisible.current = false), []);
  useNear(element, 0, (near) => {
    isVisible.current = near;
    if (!near || isRequested.current) return;
    isRequested.current = true;
    reading = reading.then(async () => {
      isRequested.current = isVisible.current;
      if (!isVisible.current) return; // scrolled away, or another page by now
      await client.history(option, {}).then(
        (page) => setState({ page, problem: null }),
        (error: unknown) => setState({ page: null, problem: asProblem(error) }),
      );
    });
  });
  return state;
}

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

/** What runs in a Deployment, its health and its latest deploy. */
function State({ page, problem }: OptionState) {
  if (!page) return <span className="rbk-bad-text">{problem?.code === "NOT-FOUND" ? "not found" : "cannot be read now"}</span>;
  const { summary, rows } = page;
  const latest = rows[0];
  return (
    <>
      <span className="rbk-row">
        {summary.health && <Badge tone={healthTone(summary.health)}>{summary.health}</Badge>}
        {summary.running ? <Name>{shortName(nameOf(summary.running))}</Name> : "nothing runs"}
      </span>
      {latest && (
        <span>
          {latest.rollback ? "rollback" : "deploy"} {latest.status}, <Time iso={latest.created_at} relative />
        </span>
      )}
    </>
  );
}

export function OptionLink({ option, choose }: { option: DeploymentOption; choose: (option: DeploymentOption) => void }) {
  const link = useRef<HTMLAnchorElement | null>(null);
  const state = useOptionState(option, link);
  const track = (event: { preventDefault(): void; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // opens another tab or window
    event.preventDefault();
    choose(option);
  };
  return (
    <a ref={link} href={linkTo(window.location.pathname, option)} onClick={track}>
      <strong>
        <Name>{option.label}</Name>
      </strong>
      <span>
        <Name>{option.deployment}</Name>
      </span>
      {state && <State {...state} />}
    </a>
  );
}
