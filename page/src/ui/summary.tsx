// SPDX-License-Identifier: Apache-2.0
// What the Deployment is, and what runs there now and since when.

import type { ReactNode } from "react";
import type { Summary } from "../api/contract";
import { healthTone, nameOf } from "../model/words";
import { useSurroundings } from "./context";
import { Badge, Time } from "./parts";

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

export function SummaryCard({ summary, refresh, busy }: { summary: Summary; refresh: () => void; busy: boolean }) {
  const { clock } = useSurroundings();
  return (
    <section className="rbk-card rbk-head" aria-labelledby="rbk-name">
      <div className="rbk-row">
        <h2 id="rbk-name">{summary.name}</h2>
        {summary.health && (
          <Badge tone={healthTone(summary.health)} title="Health, in the platform's word">
            {summary.health}
          </Badge>
        )}
        <span className="rbk-muted">{summary.release_name}</span>
        <span className="rbk-push rbk-muted">
          read <Time iso={summary.read_at} /> ({clock.zone})
        </span>
        <button type="button" onClick={refresh} aria-disabled={busy}>
          Refresh
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
        <Fact name="Dag deploys">{summary.mechanism_words}</Fact>
      </dl>
    </section>
  );
}

function Running({ summary: { running } }: { summary: Summary }) {
  if (!running) return <Fact name="Runs now">nothing that is known to have succeeded</Fact>;
  return (
    <Fact name="Runs now">
      <strong>{nameOf(running)}</strong> since <Time iso={running.since} /> (<Time iso={running.since} relative />)
      {running.created_by && ` by ${running.created_by}`}
      {running.description && <span className="rbk-muted"> “{running.description}”</span>}
    </Fact>
  );
}
