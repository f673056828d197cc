// SPDX-License-Identifier: Apache-2.0
// All Deployments of a connection, page by page, with a search on the server.

import { useEffect, useState } from "react";
import type { DeploymentList, DeploymentOption } from "../api/contract";
import { asProblem, type Problem } from "../api/problem";
import { usePageContext } from "./context";
import { OptionLink } from "./deployment-select";
import { ProblemBox } from "./parts";

/** A user who types is waited for, in milliseconds. */
const TYPING = 250;

const counted = ({ options, start, total }: DeploymentList): string =>
  options.length ? `${start + 1}–${start + options.length} of ${total} Deployments` : "No Deployment fits.";

export function AllDeployments({ connection, choose }: { connection: string; choose: (option: DeploymentOption) => void }) {
  const { client } = usePageContext();
  const [wanted, want] = useState({ search: "", start: 0, delay: 0 });
  const [{ list, problem }, setState] = useState<{ list: DeploymentList | null; problem: Problem | null }>({ list: null, problem: null });
  useEffect(() => {
    let isWanted = true;
    const set = (state: { list: DeploymentList | null; problem: Problem | null }) => isWanted && setState(state);
    const timer = setTimeout(() => {
      client.deployments(connection, wanted.search, wanted.start).then(
        (read) => set({ list: read, problem: null }),
        (error: unknown) => set({ list: null, problem: asProblem(error) }),
      );
    }, wanted.delay);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [client, connection, wanted]);

  const turn = (name: string, start: number | null) => (
    <button type="button" aria-disabled={start === null} onClick={() => start !== null && want({ ...wanted, start, delay: 0 })}>
      {name}
    </button>
  );
  const next = list ? list.start + list.options.length : 0;
  return (
    <nav aria-label={`Deployments of ${connection}`} className="rbk-options">
      <h2>{connection}</h2>
      <div className="rbk-row rbk-turn">
        <input
          type="search"
          className="rbk-search"
          aria-label={`Search Deployments of ${connection}`}
          placeholder="Search name, release name or id…"
          value={wanted.search}
          onInput={(event) => want({ search: event.currentTarget.value, start: 0, delay: TYPING })}
        />
        <span role="status">{list ? counted(list) : !problem && "Reading the Deployments…"}</span>
        {turn("Previous", list && list.start > 0 ? Math.max(0, list.start - list.page_size) : null)}
        {turn("Next", list && next < list.total ? next : null)}
      </div>
      {problem && <ProblemBox problem={problem} again={() => want({ ...wanted, delay: 0 })} />}
      <ul>
        {list?.options.map((option) => (
          <li key={option.deployment}>
            <OptionLink option={option} choose={choose} />
          </li>
        ))}
      </ul>
    </nav>
  );
}
