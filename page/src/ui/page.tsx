// SPDX-License-Identifier: Apache-2.0
// The page: the selection of a Deployment, and its history.

import { useCallback, useEffect, useMemo, useState } from "react";
import { makeClient } from "../api/client";
import type { DeploymentOption, Options } from "../api/contract";
import { asProblem, type Problem } from "../api/problem";
import { ALL, selectedOption, linkTo, namesUnknownOption } from "../host/selection";
import type { Host } from "../host/host";
import css from "../style.css";
import { DeploymentSelect, OptionList } from "./deployment-select";
import { PageContext } from "./context";
import { AllDeployments } from "./deployment-list";
import { DeploymentView } from "./deployment";
import { isolated } from "../model/labels";
import { useClock, useTitle } from "./hooks";
import { Box, CopyBox, ProblemBox, Waiting } from "./parts";

export function DeployHistoryPage({ host }: { host: Host }) {
  const clock = useClock(host.zoneKey);
  const client = useMemo(() => makeClient(host.base, host.csrf), [host]);
  const { options, problem, read } = useOptions(client);
  return (
    <PageContext.Provider value={useMemo(() => ({ client, clock }), [client, clock])}>
      <div className={`rbk rbk-airflow-${host.airflow}`} dir="ltr" lang="en">
        <style>{css}</style>
        {options ? <OptionsView answer={options} reload={read} /> : <h1>Deploy History</h1>}
        {problem && <ProblemBox problem={problem} again={read} />}
        {!options && !problem && <Waiting>Reading the Deployments…</Waiting>}
      </div>
    </PageContext.Provider>
  );
}

function useOptions(client: ReturnType<typeof makeClient>) {
  const [state, setState] = useState<{ options: Options | null; problem: Problem | null }>({ options: null, problem: null });
  const read = useCallback(() => {
    client.options().then(
      (options) => setState({ options, problem: null }),
      // The options that are known stay: the history shows the same problem.
      (error: unknown) => setState(({ options }) => ({ options, problem: options ? null : asProblem(error) })),
    );
  }, [client]);
  useEffect(read, [read]);
  return { ...state, read };
}

function OptionsView({ answer: { options, notice }, reload }: { answer: Options; reload: () => void }) {
  const [search, choose] = useChoice();
  const chosen = useMemo(() => selectedOption(search, options), [search, options]);
  const named = options.filter((option) => option.deployment !== ALL);
  const isListed = named.length < options.length;
  useTitle(chosen ? `${isolated(chosen.label)} - Deploy History` : "Deploy History");
  return (
    <>
      <header className="rbk-row rbk-top">
        <h1>Deploy History</h1>
        {chosen && isListed && (
          <button type="button" className="rbk-link" onClick={() => choose(null)}>
            All Deployments
          </button>
        )}
        {named.length > 0 && <DeploymentSelect options={named} chosen={chosen} choose={choose} />}
      </header>
      {notice && (
        <Box tone="info" title="Nothing to show yet">
          <p>{notice.message}</p>
          <p>{notice.remedy}</p>
          {notice.snippets.map((snippet) => (
            <CopyBox key={snippet.title} {...snippet} />
          ))}
        </Box>
      )}
      {namesUnknownOption(search, options) && (
        <Box tone="warn" role="status" title="This Deployment is not offered here">
          <p>The link names one that is not in the configuration of this Airflow. Choose one of these.</p>
        </Box>
      )}
      {chosen ? (
        <DeploymentView key={`${chosen.connection}\n${chosen.deployment}`} option={chosen} reloadOptions={reload} />
      ) : (
        <>
          {named.length > 0 && <OptionList options={named} choose={choose} />}
          {options.map(
            ({ connection, deployment }) =>
              deployment === ALL && <AllDeployments key={connection} connection={connection} choose={choose} />,
          )}
        </>
      )}
    </>
  );
}

/** The selection in the address. Airflow's own history state is kept. */
function useChoice(): [search: string, choose: (option: DeploymentOption | null) => void] {
  const [search, setSearch] = useState(window.location.search);
  useEffect(() => {
    const moved = () => setSearch(window.location.search);
    window.addEventListener("popstate", moved);
    return () => window.removeEventListener("popstate", moved);
  }, []);
  const choose = (option: DeploymentOption | null) => {
    window.history.pushState(window.history.state, "", linkTo(window.location.pathname, option));
    setSearch(window.location.search);
  };
  return [search, choose];
}
