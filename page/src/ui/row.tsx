// SPDX-License-Identifier: Apache-2.0
// One deploy, and whether a rollback to it is possible.

import type { ReactNode } from "react";
import type { Deploy, Status } from "../api/contract";
import { nameOf, shortCommit, typeLabel } from "../model/labels";
import { Badge, Time, type Tone } from "./parts";

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
  /** Whether the table has a column for Dag bundles. */
  hasBundles: boolean;
}

export function Row({ deploy, index, actions, hasBundles }: Props) {
  const classes = [deploy.runs_now && "rbk-runs", deploy.rolled_back_by && "rbk-superseded"].filter(Boolean).join(" ");
  return (
    <tr className={classes} aria-rowindex={index} data-deploy={deploy.id} tabIndex={-1}>
      <th scope="row">
        <Time iso={deploy.created_at} />
        <small>
          <Time iso={deploy.created_at} relative />
        </small>
      </th>
      <td>{deploy.created_by ? <UserName name={deploy.created_by} /> : <None />}</td>
      <td>
        <Description deploy={deploy} actions={actions} />
      </td>
      <td title={deploy.type}>{typeLabel(deploy.type)}</td>
      <Code text={deploy.image_tag} title={deploy.image_repository} />
      <td>
        {deploy.runtime ?? <None />}
        {deploy.airflow && <small>Airflow {deploy.airflow}</small>}
      </td>
      {hasBundles && <Code text={deploy.dag_bundle} />}
      <Code text={deploy.git_commit && shortCommit(deploy.git_commit)} title={deploy.git_commit} />
      <td>
        <Badge tone={TONES[deploy.status] ?? "plain"}>{deploy.status}</Badge>
        {deploy.runs_now && <small className="rbk-strong">runs now</small>}
      </td>
      <td>
        <RollbackCell deploy={deploy} actions={actions} />
      </td>
    </tr>
  );
}

const None = () => (
  <span className="rbk-muted">
    <span aria-hidden="true">–</span>
    <span className="rbk-hidden">none</span>
  </span>
);

/** An email address may break before its @, but not within a name. */
function UserName({ name }: { name: string }) {
  const [who, where] = name.split("@", 2);
  return where ? (
    <>
      {who}
      <wbr />@{where}
    </>
  ) : (
    <>{name}</>
  );
}

const Code = ({ text, title }: { text: string | null; title?: string | null }) => (
  <td title={title ?? text ?? undefined}>{text ? <code>{text}</code> : <None />}</td>
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
        {deploy.description || <None />}
      </span>
      {deploy.rolled_back_by && (
        <small className="rbk-reference">
          <Badge tone="warn">rolled back from</Badge> by <Reference id={deploy.rolled_back_by} actions={actions} />
        </small>
      )}
      {deploy.status === "failed" && deploy.status_reason && <small className="rbk-reason">{deploy.status_reason}</small>}
    </>
  );
}

/** A link to another deploy, with its name. */
function Reference({ id, actions: { find, show } }: { id: string; actions: RowActions }): ReactNode {
  const other = find(id);
  if (!other) return <span title={id}>a deploy further down ({id})</span>;
  const name = other.rollback ? "a rollback" : nameOf(other);
  return (
    <button type="button" className="rbk-link" title={id} onClick={() => show(id)}>
      {name} of <Time iso={other.created_at} />
    </button>
  );
}

function RollbackCell({ deploy, actions }: Pick<Props, "deploy" | "actions">) {
  const { mayRollBack, busy, plan } = actions;
  if (!deploy.can_roll_back) return <Refusal deploy={deploy} plan={plan} />;
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
      <span>
        <span className="rbk-possible">Possible</span>
        {deploy.crosses_major && <Badge tone="bad">Airflow 3 → 2</Badge>}
        {deploy.downgrade && !deploy.crosses_major && <Badge tone="warn">downgrade</Badge>}
      </span>
    </div>
  );
}

function Refusal({ deploy, plan }: { deploy: Deploy; plan: RowActions["plan"] }) {
  const [first, ...others] = deploy.reasons;
  return (
    <div className="rbk-refusal">
      <span aria-hidden="true">✕ </span>
      <span className="rbk-hidden">Not possible: </span>
      {first?.reason ?? "Not possible."}{" "}
      {others.length > 0 && (
        <button type="button" className="rbk-link" onClick={() => plan(deploy)}>
          and {others.length} more<span className="rbk-hidden"> against {nameOf(deploy)}</span>
        </button>
      )}
    </div>
  );
}
