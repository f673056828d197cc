// SPDX-License-Identifier: Apache-2.0
// The Deployment, and the deploy that runs there.

import type { ReactNode } from "react";
import type { Summary } from "../api/contract";
import { healthTone, nameOf } from "../model/labels";
import { usePageContext } from "./context";
import { Badge, LongText, Name, Time } from "./parts";

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

export function SummaryCard({ summary, refresh, busy }: { summary: Summary; refresh: () => void; busy: boolean }) {
  const { clock } = usePageContext();
  return (
    <section className="rbk-card rbk-summary" aria-labelledby="rbk-name">
      <div className="rbk-row">
        <h2 id="rbk-name">
          <Name>{summary.name}</Name>
        </h2>
        {summary.health && (
          <Badge tone={healthTone(summary.health)} title="Health as the platform reports it">
            {summary.health}
          </Badge>
        )}
        <span className="rbk-muted">{summary.release_name}</span>
        <span className="rbk-end rbk-muted">
          read <Time iso={summary.read_at} /> ({clock.zone})
        </span>
        <button type="button" className="rbk-refresh" onClick={refresh} aria-disabled={busy}>
          {busy ? "Refreshing…" : "Refresh"}
        </button>
        {summary.url && (
          <a href={summary.url} target="_blank" rel="noopener noreferrer">
            Open on {summary.platform}
          </a>
        )}
      </div>
      <dl>
        <Running summary={summary} />
        <Fact name="Runtime">{summary.runtime ?? "not known"}</Fact>
        <Fact name="Airflow">{summary.airflow ?? "not known"}</Fact>
        <Fact name="Dag deploys">{summary.mechanism_label}</Fact>
      </dl>
    </section>
  );
}

function Running({ summary: { running } }: { summary: Summary }) {
  if (!running) return <Fact name="Runs now">no deploy is known to have succeeded</Fact>;
  return (
    <Fact name="Runs now">
      <strong>
        <Name>{nameOf(running)}</Name>
      </strong>{" "}
      since <Time iso={running.since} /> (<Time iso={running.since} relative />)
      {running.created_by && (
        <>
          {" "}
          by <Name>{running.created_by}</Name>
        </>
      )}
      {running.description && (
        <span className="rbk-muted">
          {" "}
          <LongText quote text={running.description} />
        </span>
      )}
    </Fact>
  );
}
