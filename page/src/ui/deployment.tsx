// SPDX-License-Identifier: Apache-2.0
// One Deployment: its summary, its deploys as a chart and as a table, and the rollback.

import { useEffect, useMemo, useRef, useState } from "react";
import type { Deploy, Summary, DeploymentOption } from "../api/contract";
import { applyFilters, choicesIn, type Filters, filterQuery, filtersOf, isFiltered, NO_FILTERS } from "../model/filters";
import type { LoadedHistory } from "../model/history";
import { inProgressText } from "../model/labels";
import { usePageContext } from "./context";
import { RollbackDialog } from "./dialog";
import { FilterBar } from "./filter-bar";
import { SummaryCard } from "./summary";
import { usePoll, useTabReturn } from "./hooks";
import { More } from "./more";
import { replaceQuery } from "../host/selection";
import { Box, LongText, Name, ProblemBox, Reasons, Time, Waiting } from "./parts";
import { ChartCard } from "./chart";
import { ProgressCard } from "./progress-card";
import type { RowActions } from "./row";
import { DeployTable } from "./table";
import { type HistoryReader, useHistory } from "./use-history";
import { useProgress } from "./use-progress";

const POLL_INTERVAL = 4000;
/** A user who returns to the tab after this time, in milliseconds, gets a new list. */
const OUTDATED = 60_000;
const ADDRESS_DELAY = 300;
/** The reads for the deploy of a link; each may bring 1,000 deploys. */
const MOST_READS = 10;

export function DeploymentView({ option, reloadOptions }: { option: DeploymentOption; reloadOptions: () => void }) {
  const { client } = usePageContext();
  // This part belongs to one Deployment. Only the user's rights change when the options are read again.
  const [place] = useState(option);
  const history = useHistory(client, place);
  const tracking = useProgress(client, history, `started ${place.connection} ${place.deployment}`);
  const [target, setTarget] = useState<Deploy | null>(null);
  const { loaded, problem, isRefreshing } = history;
  const isTracking = Boolean(tracking.started) && !tracking.progress?.result;
  usePoll(Boolean(loaded?.summary.in_progress) && !isTracking, POLL_INTERVAL, history.refresh);

  const again = () => {
    void history.refresh(true);
    reloadOptions();
  };
  useTabReturn(() => {
    if (loaded && Date.now() - Date.parse(loaded.summary.read_at) > OUTDATED) again();
  });
  return (
    <>
      {problem && (
        <ProblemBox problem={problem} again={again} busy={isRefreshing}>
          {loaded && (
            <p>
              The history of <Time iso={loaded.summary.read_at} /> is still shown below.
            </p>
          )}
        </ProblemBox>
      )}
      {!loaded && !problem && <Waiting>Reading the deploy history…</Waiting>}
      {loaded && (
        <>
          <SummaryCard summary={loaded.summary} refresh={again} busy={isRefreshing} />
          <ProgressCard tracking={tracking} />
          <Notices option={option} summary={loaded.summary} tracking={isTracking} />
          <Deploys option={option} loaded={loaded} history={history} isTracking={isTracking} plan={setTarget} />
          {target && (
            <RollbackDialog
              option={place}
              summary={loaded.summary}
              target={target}
              close={() => setTarget(null)}
              reload={again}
              started={(started) => {
                tracking.track(started);
                again();
              }}
            />
          )}
        </>
      )}
    </>
  );
}

/** The notices about the Deployment as a whole. */
function Notices({ option, summary, tracking }: { option: DeploymentOption; summary: Summary; tracking: boolean }) {
  return (
    <>
      {summary.in_progress && !tracking && (
        <Box tone="info" role="status" title={summary.in_progress.rollback ? "A rollback is in progress" : "A deploy is in progress"}>
          <p>
            {inProgressText(summary.in_progress)} Since <Time iso={summary.in_progress.since} />
            {summary.in_progress.description && (
              <>
                : <LongText quote text={summary.in_progress.description} />
              </>
            )}
          </p>
        </Box>
      )}
      {summary.obstacles.length > 0 && (
        <Box tone="warn" title="This Deployment cannot be rolled back now">
          <Reasons reasons={summary.obstacles} />
        </Box>
      )}
      {!option.may_roll_back && (
        <Box tone="info" title="You can read and plan, but not roll back">
          <p>{option.reason}</p>
        </Box>
      )}
    </>
  );
}

const deployInAddress = (): { id: string; times: number } | null => {
  const id = new URLSearchParams(window.location.search).get("deploy");
  return id ? { id, times: 0 } : null;
};

interface DeploysProps {
  option: DeploymentOption;
  loaded: LoadedHistory;
  history: HistoryReader;
  isTracking: boolean;
  plan: (deploy: Deploy) => void;
}

function Deploys({ option, loaded, history, isTracking, plan }: DeploysProps) {
  const { rows, summary, cursor } = loaded;
  const [filters, setFilters] = useState<Filters>(() => filtersOf(new URLSearchParams(window.location.search)));
  const [requested, setRequested] = useState<{ id: string; times: number } | null>(deployInAddress);
  useEffect(() => {
    // Browsers limit how often the address changes.
    const timer = window.setTimeout(() => replaceQuery({ ...filterQuery(filters), deploy: requested?.id ?? null }), ADDRESS_DELAY);
    return () => window.clearTimeout(timer);
  }, [filters, requested]);
  const shown = useMemo(() => applyFilters(rows, filters), [rows, filters]);
  const choices = useMemo(() => choicesIn(rows), [rows]);

  // A link may name a deploy that is further down.
  const isMissing = requested !== null && !rows.some((row) => row.id === requested.id);
  const reads = useRef(0);
  useEffect(() => {
    if (!isMissing || !cursor || history.busy || history.problem || reads.current >= MOST_READS) return;
    reads.current++;
    void history.more(true);
  }, [isMissing, cursor, history]);

  const show = (id: string) => {
    if (!shown.some((row) => row.id === id)) setFilters(NO_FILTERS);
    setRequested({ id, times: (requested?.times ?? 0) + 1 });
  };
  const going = summary.in_progress ? inProgressText(summary.in_progress) : null;
  const busy = going ?? (isTracking ? "A rollback that you started is in progress." : null);
  const actions: RowActions = useMemo(() => {
    const byId = new Map(rows.map((row) => [row.id, row]));
    return { find: (id) => byId.get(id), show, plan, mayRollBack: option.may_roll_back, busy };
  }, [rows, shown, option, busy]);

  if (!rows.length && !cursor) {
    return (
      <Box tone="plain" title="No deploys yet">
        <p>There are no deploys of <Name>{summary.name}</Name>. They appear here, newest first.</p>
      </Box>
    );
  }
  return (
    <>
      <ChartCard rows={rows} shown={shown} choose={(deploy) => show(deploy.id)} more={() => void history.more()} />
      <section className="rbk-card" aria-labelledby="rbk-deploys">
        <h2 id="rbk-deploys">Deploys</h2>
        <FilterBar filters={filters} choices={choices} change={setFilters} />
        {shown.length > 0 ? (
          <DeployTable rows={shown} total={cursor ? -1 : shown.length} actions={actions} requested={requested} />
        ) : (
          <p className="rbk-muted">No deploy loaded so far matches the filters.</p>
        )}
        <More history={history} shown={shown.length} filtered={isFiltered(filters)} query={filters} />
      </section>
    </>
  );
}
