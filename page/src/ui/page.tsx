// SPDX-License-Identifier: Apache-2.0
// The page: choose a Deployment, look at it.

import { useCallback, useEffect, useMemo, useState } from "react";
import { makeClient } from "../api/client";
import type { DeploymentOption, Options } from "../api/contract";
import { asProblem, type Problem } from "../api/problem";
import { chosenIn, linkTo, namesAnother } from "../host/choice";
import type { Host } from "../host/host";
import css from "../style.css";
import { Chooser, OptionList } from "./chooser";
import { SurroundingsContext } from "./context";
import { DeploymentView } from "./deployment";
import { useClock } from "./hooks";
import { Box, ProblemBox, Waiting } from "./parts";

export function DeployHistoryPage({ host }: { host: Host }) {
  const clock = useClock(host.zoneKey);
  const client = useMemo(() => makeClient(host.base, host.csrf), [host]);
  const { offered, problem, read } = usePlaces(client);
  return (
    <SurroundingsContext.Provider value={useMemo(() => ({ client, clock }), [client, clock])}>
      <div className={`rbk rbk-airflow-${host.airflow}`}>
        <style>{css}</style>
        {offered ? <Offered offered={offered} /> : <h1>Deploy History</h1>}
        {problem && <ProblemBox problem={problem} again={read} />}
        {!offered && !problem && <Waiting>Looking up the Deployments…</Waiting>}
      </div>
    </SurroundingsContext.Provider>
  );
}

function usePlaces(client: ReturnType<typeof makeClient>) {
  const [state, setState] = useState<{ offered: Options | null; problem: Problem | null }>({ offered: null, problem: null });
  const read = useCallback(() => {
    client.options().then(
      (offered) => setState({ offered, problem: null }),
      (error: unknown) => setState({ offered: null, problem: asProblem(error) }),
    );
  }, [client]);
  useEffect(read, [read]);
  return { ...state, read };
}

function Offered({ offered: { options, notice } }: { offered: Options }) {
  const [search, choose] = useChoice();
  const chosen = useMemo(() => chosenIn(search, options), [search, options]);
  return (
    <>
      <header className="rbk-row rbk-top">
        <h1>Deploy History</h1>
        {options.length > 0 && <Chooser options={options} chosen={chosen} choose={choose} />}
      </header>
      {notice && (
        <Box tone="info" title="Nothing to show yet">
          <p>{notice.message}</p>
          <p>{notice.remedy}</p>
        </Box>
      )}
      {namesAnother(search, options) && (
        <Box tone="warn" role="status" title="This Deployment is not offered here">
          <p>The link names one that is not in the configuration of this Airflow. Choose one of these.</p>
        </Box>
      )}
      {chosen ? (
        <DeploymentView key={`${chosen.connection}\n${chosen.deployment}`} option={chosen} />
      ) : (
        <OptionList options={options} choose={choose} />
      )}
    </>
  );
}

/** The choice as the address carries it. Airflow's own state of the address is kept. */
function useChoice(): [search: string, choose: (option: DeploymentOption) => void] {
  const [search, setSearch] = useState(window.location.search);
  useEffect(() => {
    const moved = () => setSearch(window.location.search);
    window.addEventListener("popstate", moved);
    return () => window.removeEventListener("popstate", moved);
  }, []);
  const choose = (option: DeploymentOption) => {
    window.history.pushState(window.history.state, "", linkTo(window.location.pathname, option));
    setSearch(window.location.search);
  };
  return [search, choose];
}
