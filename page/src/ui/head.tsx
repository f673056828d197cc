// SPDX-License-Identifier: Apache-2.0
// What the Deployment is, and what runs there now and since when.

import type { ReactNode } from "react";
import type { Head } from "../api/contract";
import { healthTone, nameOf } from "../model/words";
import { useSurroundings } from "./context";
import { Badge, Time } from "./parts";

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

export function HeadCard({ head, refresh, busy }: { head: Head; refresh: () => void; busy: boolean }) {
  const { clock } = useSurroundings();
  return (
    <section className="rbk-card rbk-head" aria-labelledby="rbk-name">
      <div className="rbk-row">
        <h2 id="rbk-name">{head.name}</h2>
        {head.health && (
          <Badge tone={healthTone(head.health)} title="Health, in the platform's word">
            {head.health}
          </Badge>
        )}
        <span className="rbk-muted">{head.release_name}</span>
        <span className="rbk-push rbk-muted">
          read <Time iso={head.read_at} /> ({clock.zone})
        </span>
        <button type="button" onClick={refresh} aria-disabled={busy}>
          Refresh
        </button>
        {head.url && (
          <a href={head.url} target="_blank" rel="noopener noreferrer">
            Open on {head.platform}
          </a>
        )}
      </div>
      <dl>
        <Running head={head} />
        <Fact name="Runtime">{head.runtime ?? "not known"}</Fact>
        <Fact name="Airflow">{head.airflow ?? "not known"}</Fact>
        <Fact name="Dag deploys">{head.mechanism_words}</Fact>
      </dl>
    </section>
  );
}

function Running({ head: { running } }: { head: Head }) {
  if (!running) return <Fact name="Runs now">nothing that is known to have succeeded</Fact>;
  return (
    <Fact name="Runs now">
      <strong>{nameOf(running)}</strong> since <Time iso={running.since} /> (<Time iso={running.since} relative />)
      {running.created_by && ` by ${running.created_by}`}
      {running.description && <span className="rbk-muted"> “{running.description}”</span>}
    </Fact>
  );
}
