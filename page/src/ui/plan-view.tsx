// SPDX-License-Identifier: Apache-2.0
// A plan: first the losses, then the changes and the form, then the rest.

import type { ReactNode } from "react";
import type { Plan, PlanWarning } from "../api/contract";
import { scopeLabel, sentence } from "../model/labels";
import { Box, LongText, Reasons } from "./parts";

export function PlanView({ plan, children }: { plan: Plan; children: ReactNode }) {
  const severe = plan.warnings.filter((warning) => warning.severe);
  const other = plan.warnings.filter((warning) => !warning.severe);
  return (
    <>
      {!plan.allowed && (
        <Box tone="bad" title="This rollback is not possible">
          <Reasons reasons={plan.failed_checks} />
        </Box>
      )}
      {severe.length > 0 && (
        <Box tone="bad" title={severeTitle(plan)}>
          <Warnings warnings={severe} />
        </Box>
      )}
      <Changes plan={plan} />
      {children}
      {other.length > 0 && (
        <Box tone="warn" title="Good to know">
          <Warnings warnings={other} />
        </Box>
      )}
      <div className="rbk-columns">
        <Lines title={`Brought back (${scopeLabel(plan.scope)})`} lines={plan.rolled_back} />
        <Lines title="Not rolled back" lines={plan.not_rolled_back} />
      </div>
      <p>
        <strong>To undo</strong> {sentence(plan.undo)}
      </p>
      <p>
        <strong>To keep it</strong> {sentence(plan.undone_by)}
      </p>
      <details>
        <summary>Rule and permissions</summary>
        <dl className="rbk-facts">
          <dt>Permissions</dt>
          <dd>
            {plan.permissions.length ? plan.permissions.map((name) => <code key={name}>{name}</code>) : "not published"} on{" "}
            {plan.platform}
          </dd>
          <dt>Rule</dt>
          <dd>
            {sentence(plan.verdict.reason)} <small title={plan.verdict.source}>({plan.verdict.code})</small>
          </dd>
        </dl>
      </details>
    </>
  );
}

function severeTitle(plan: Plan): string {
  if (plan.needs_acknowledgement) return "From Airflow 3 back to Airflow 2: this loses data";
  return plan.downgrade ? "The Runtime is downgraded: this loses data" : "Before you confirm";
}

const Warnings = ({ warnings }: { warnings: readonly PlanWarning[] }) => (
  <ul>
    {warnings.map(({ code, message }) => (
      <li key={code} title={code}>
        <LongText text={sentence(message)} most={600} />
      </li>
    ))}
  </ul>
);

const Changes = ({ plan }: { plan: Plan }) => (
  <table className="rbk-changes">
    <caption>What changes</caption>
    <thead>
      <tr>
        <th scope="col">What</th>
        <th scope="col">From</th>
        <th scope="col">To</th>
      </tr>
    </thead>
    <tbody>
      {plan.changes.map(({ what, before, after }) => (
        <tr key={what}>
          <th scope="row">{what}</th>
          <td>
            <bdi>{before}</bdi>
          </td>
          <td>
            {before === after ? (
              <span className="rbk-muted">stays</span>
            ) : (
              <strong>
                → <bdi>{after}</bdi>
              </strong>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Lines = ({ title, lines }: { title: string; lines: readonly string[] }) => (
  <section>
    <h3>{title}</h3>
    <ul>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  </section>
);
