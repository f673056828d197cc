// SPDX-License-Identifier: Apache-2.0
// One Deployment: its summary, its deploys as a picture and as a table, and what can be done.

import { useMemo, useRef, useState } from "react";
import type { Deploy, Summary, DeploymentOption } from "../api/contract";
import { applyFilters, choicesIn, type Filters, isFiltered, NO_FILTERS } from "../model/filters";
import type { Known } from "../model/history";
import type { Unanswered } from "../model/order";
import { goingOnWords } from "../model/words";
import { useSurroundings } from "./context";
import { RollbackDialog } from "./dialog";
import { FilterBar } from "./filter-bar";
import { SummaryCard } from "./summary";
import { usePoll, useReturn } from "./hooks";
import { More } from "./more";
import { Box, ProblemBox, Reasons, Time, Waiting } from "./parts";
import { PictureCard } from "./picture";
import { ProgressCard } from "./progress-card";
import type { RowActions } from "./row";
import { DeployTable } from "./table";
import { type HistoryReader, useHistory } from "./use-history";
import { useProgress } from "./use-progress";

const BETWEEN_LOOKS = 4000;
/** Who comes back to the tab after this time, in milliseconds, must not decide on an old list. */
const OUTDATED = 60_000;

export function DeploymentView({ option }: { option: DeploymentOption }) {
  const { client } = useSurroundings();
  const history = useHistory(client, option);
  const following = useProgress(client, history);
  const [target, setTarget] = useState<Deploy | null>(null);
  const unanswered = useRef<Map<string, Unanswered>>(new Map());
  const { known, problem, busy } = history;
  const isFollowing = Boolean(following.started) && !following.progress?.ending;
  usePoll(Boolean(known?.summary.going_on) && !isFollowing, BETWEEN_LOOKS, history.refresh);

  const again = () => void history.refresh(true);
  useReturn(() => {
    if (known && Date.now() - Date.parse(known.summary.read_at) > OUTDATED) again();
  });
  return (
    <>
      {problem && (
        <ProblemBox problem={problem} again={again} busy={busy === "refresh"}>
          {known && (
            <p>
              What was read at <Time iso={known.summary.read_at} /> is still shown below.
            </p>
          )}
        </ProblemBox>
      )}
      {!known && !problem && <Waiting>Reading the deploy history…</Waiting>}
      {known && (
        <>
          <SummaryCard summary={known.summary} refresh={again} busy={busy === "refresh"} />
          <ProgressCard following={following} />
          <Notices option={option} summary={known.summary} following={isFollowing} />
          <Deploys option={option} known={known} history={history} isFollowing={isFollowing} plan={setTarget} />
          {target && (
            <RollbackDialog
              option={option}
              summary={known.summary}
              target={target}
              unanswered={unanswered.current}
              close={() => setTarget(null)}
              reload={again}
              started={(started) => {
                following.follow(started);
                again();
              }}
            />
          )}
        </>
      )}
    </>
  );
}

/** What holds for every deploy of this Deployment. */
function Notices({ option, summary, following }: { option: DeploymentOption; summary: Summary; following: boolean }) {
  return (
    <>
      {summary.going_on && !following && (
        <Box tone="info" role="status" title={summary.going_on.rollback ? "A rollback is going on" : "A deploy is going on"}>
          <p>
            {goingOnWords(summary.going_on)} Since <Time iso={summary.going_on.since} />
            {summary.going_on.description && `: “${summary.going_on.description}”`}
          </p>
        </Box>
      )}
      {summary.obstacles.length > 0 && (
        <Box tone="warn" title="This Deployment cannot be rolled back now">
          <Reasons reasons={summary.obstacles} />
        </Box>
      )}
      {!option.may_roll_back && (
        <Box tone="info" title="You can look and plan, but not roll back">
          <p>{option.reason}</p>
        </Box>
      )}
    </>
  );
}

interface DeploysProps {
  option: DeploymentOption;
  known: Known;
  history: HistoryReader;
  isFollowing: boolean;
  plan: (deploy: Deploy) => void;
}

function Deploys({ option, known, history, isFollowing, plan }: DeploysProps) {
  const { rows, summary, cursor } = known;
  const [filters, setFilters] = useState<Filters>(NO_FILTERS);
  const [wanted, setWanted] = useState<{ id: string; times: number } | null>(null);
  const shown = useMemo(() => applyFilters(rows, filters), [rows, filters]);
  const choices = useMemo(() => choicesIn(rows), [rows]);

  const show = (id: string) => {
    if (!shown.some((row) => row.id === id)) setFilters(NO_FILTERS);
    setWanted({ id, times: (wanted?.times ?? 0) + 1 });
  };
  const going = summary.going_on ? goingOnWords(summary.going_on) : null;
  const busy = going ?? (isFollowing ? "A rollback that you started is going on." : null);
  const actions: RowActions = useMemo(() => {
    const byId = new Map(rows.map((row) => [row.id, row]));
    return { find: (id) => byId.get(id), show, plan, mayRollBack: option.may_roll_back, busy };
  }, [rows, shown, option, busy]);

  if (!rows.length && !cursor) {
    return (
      <Box tone="plain" title="No deploys yet">
        <p>Nothing was ever deployed to {summary.name}. Its deploys appear here, newest first.</p>
      </Box>
    );
  }
  return (
    <>
      <PictureCard rows={rows} shown={shown} choose={(deploy) => show(deploy.id)} more={() => void history.more()} />
      <section className="rbk-card" aria-labelledby="rbk-deploys">
        <h2 id="rbk-deploys">Deploys</h2>
        <FilterBar filters={filters} choices={choices} change={setFilters} />
        {shown.length > 0 ? (
          <DeployTable rows={shown} total={cursor ? -1 : shown.length} actions={actions} wanted={wanted} />
        ) : (
          <p className="rbk-muted">No deploy that was read so far fits.</p>
        )}
        <More history={history} shown={shown.length} filtered={isFiltered(filters)} question={filters} />
      </section>
    </>
  );
}
