// SPDX-License-Identifier: Apache-2.0
// One deploy, and whether a rollback to it is possible.

import type { ReactNode } from "react";
import type { Deploy, Origin, Rejection, Status } from "../api/contract";
import { nameOf, refusalLabel, shortCommit, typeLabel } from "../model/labels";
import { Badge, LongText, Name, Reasons, Time, type Tone } from "./parts";
import type { Layout } from "./table";

export interface RowActions {
  /** Another deploy; undefined if it is not loaded. */
  find: (id: string) => Deploy | undefined;
  show: (id: string) => void;
  plan: (deploy: Deploy) => void;
  mayRollBack: boolean;
  /** Why no rollback can be started now; null if one can. */
  busy: string | null;
}

const TONES: Record<Status, Tone> = { succeeded: "good", failed: "bad", "in progress": "info", unknown: "warn" };

interface Props {
  deploy: Deploy;
  index: number;
  actions: RowActions;
  layout: Layout;
  /** Whether the table has a column for Dag bundles. */
  hasBundles: boolean;
}

export function Row({ deploy, index, actions, layout, hasBundles }: Props) {
  const classes = [deploy.runs_now && "rbk-runs", deploy.rolled_back_by && "rbk-superseded"].filter(Boolean).join(" ");
  return (
    <tr role="row" className={classes} aria-rowindex={index} data-deploy={deploy.id} tabIndex={-1}>
      <th role="rowheader" scope="row">
        <Time iso={deploy.created_at} />
        <small>
          <Time iso={deploy.created_at} relative />
        </small>
      </th>
      <td role="cell">{deploy.created_by ? <UserName name={deploy.created_by} /> : <None />}</td>
      <td role="cell" className="rbk-what">
        <Description deploy={deploy} actions={actions} />
      </td>
      {layout === "full" ? <Release deploy={deploy} hasBundles={hasBundles} /> : <FoldedRelease deploy={deploy} />}
      <td role="cell">
        <Badge tone={TONES[deploy.status] ?? "plain"}>{deploy.status}</Badge>
        {deploy.runs_now && <small className="rbk-strong">runs now</small>}
      </td>
      <td role="cell" className="rbk-action">
        <RollbackCell deploy={deploy} actions={actions} />
      </td>
    </tr>
  );
}

/** The cells of a release. */
const Release = ({ deploy, hasBundles }: Pick<Props, "deploy" | "hasBundles">) => (
  <>
    <Code text={deploy.image_tag} title={deploy.image_repository} />
    <td role="cell">
      {deploy.runtime ?? <None />}
      {deploy.airflow && <small>Airflow {deploy.airflow}</small>}
    </td>
    <td role="cell" title={deploy.type}>
      {typeLabel(deploy.type)}
    </td>
    {hasBundles && <Code text={deploy.dag_bundle} />}
    <Code text={deploy.git_commit && shortCommit(deploy.git_commit)} title={deploy.git_commit} />
  </>
);

/** The same in one cell. */
function FoldedRelease({ deploy }: Pick<Props, "deploy">) {
  const { image_tag, image_repository, runtime, airflow, dag_bundle, git_commit, type } = deploy;
  return (
    <td role="cell" className="rbk-release">
      {image_tag ? <code title={image_repository ?? undefined}>{image_tag}</code> : <None />}
      {(runtime || airflow) && <small>{[runtime && `Runtime ${runtime}`, airflow && `Airflow ${airflow}`].filter(Boolean).join(", ")}</small>}
      <small title={type}>
        {typeLabel(type)}
        {dag_bundle && (
          <>
            , bundle <code>{dag_bundle}</code>
          </>
        )}
        {git_commit && (
          <>
            , commit <code title={git_commit}>{shortCommit(git_commit)}</code>
          </>
        )}
      </small>
    </td>
  );
}

const None = () => (
  <span className="rbk-muted">
    <span aria-hidden="true">–</span>
    <span className="rbk-hidden">none</span>
  </span>
);

/** A name may break before an @ or a dot, but not within a word. */
const UserName = ({ name }: { name: string }) => (
  <bdi>
    {name.split(/(?=[@.])/).map((part, at) => (
      <span key={at}>
        <wbr />
        {part}
      </span>
    ))}
  </bdi>
);

const Code = ({ text, title }: { text: string | null; title?: string | null }) => (
  <td role="cell" title={title ?? text ?? undefined}>
    {text ? (
      <code>
        <bdi>{text}</bdi>
      </code>
    ) : (
      <None />
    )}
  </td>
);

function Description({ deploy, actions }: Pick<Props, "deploy" | "actions">) {
  return (
    <>
      {deploy.rollback && (
        <small className="rbk-reference">
          <span aria-hidden="true">↩ </span>back to <Reference id={deploy.rollback.target} actions={actions} />
        </small>
      )}
      <span className="rbk-description" title={deploy.description}>
        {deploy.description ? <Name>{deploy.description}</Name> : <None />}
      </span>
      {deploy.origin && <OriginNote origin={deploy.origin} />}
      {deploy.rejected && <RejectedNote rejected={deploy.rejected} />}
      {deploy.rolled_back_by && (
        <small className="rbk-reference">
          <Badge tone="warn">rolled back from</Badge> by <Reference id={deploy.rolled_back_by} actions={actions} />
        </small>
      )}
      {deploy.status === "failed" && deploy.status_reason && (
        <small className="rbk-reason">
          <LongText text={deploy.status_reason} most={120} />
        </small>
      )}
    </>
  );
}

/** Who asked for a rollback, and the run that made it. */
const OriginNote = ({ origin: { asked_by, dag_id, run_id, run_page } }: { origin: Origin }) => (
  <small className="rbk-reference">
    {asked_by && (
      <>
        asked by <Name>{asked_by}</Name>,{" "}
      </>
    )}
    {run_page ? (
      <a href={run_page} title={run_id} target="_blank" rel="noopener noreferrer">
        run of {dag_id}
      </a>
    ) : (
      <span title={run_id}>run of {dag_id} in another Airflow</span>
    )}
  </small>
);

const RejectedNote = ({ rejected: { rolled_back_at, reason } }: { rejected: Rejection }) => (
  <small className="rbk-reference">
    <Badge tone="bad">rejected</Badge> Brings back what was rolled back from on <Time iso={rolled_back_at} />
    {reason && (
      <>
        : <LongText text={reason} most={120} />
      </>
    )}
  </small>
);

/** A link to another deploy, with its name. */
function Reference({ id, actions: { find, show } }: { id: string; actions: RowActions }): ReactNode {
  const other = find(id);
  if (!other) return <span title={id}>a deploy further down ({id})</span>;
  const name = other.rollback ? "a rollback" : nameOf(other);
  return (
    <button type="button" className="rbk-link" title={id} onClick={() => show(id)}>
      <Name>{name}</Name> of <Time iso={other.created_at} />
    </button>
  );
}

function RollbackCell({ deploy, actions }: Pick<Props, "deploy" | "actions">) {
  const { mayRollBack, busy, plan } = actions;
  if (!deploy.can_roll_back) return <Refusal deploy={deploy} />;
  return (
    <div className="rbk-verdict">
      <button
        type="button"
        aria-disabled={busy !== null}
        title={busy ?? undefined}
        onClick={() => busy === null && plan(deploy)}
      >
        {mayRollBack ? "Roll back…" : "Plan…"}
        <span className="rbk-hidden"> to {nameOf(deploy)}</span>
      </button>
      {deploy.crosses_major && <Badge tone="bad">Airflow 3 → 2</Badge>}
      {deploy.downgrade && !deploy.crosses_major && <Badge tone="warn">downgrade</Badge>}
    </div>
  );
}

/** The reasons against a rollback, in a word; the sentences on demand. */
function Refusal({ deploy }: { deploy: Deploy }) {
  return (
    <details className="rbk-refusal">
      <summary>
        <span className="rbk-hidden">Not possible: </span>
        {refusalLabel(deploy)}
      </summary>
      {deploy.reasons.length > 0 && <Reasons reasons={deploy.reasons} />}
    </details>
  );
}
