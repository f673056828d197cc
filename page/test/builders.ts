// SPDX-License-Identifier: Apache-2.0
// Deploys and responses for tests. A test overrides the fields that it needs.

import type { Deploy, Summary, HistoryPage, PlanAnswer } from "../src/api/contract";

export const deploy = (id: string, change: Partial<Deploy> = {}): Deploy => ({
  id,
  created_at: "2026-11-20T10:00:00+00:00",
  created_by: "ana.silva",
  description: "Release",
  type: "IMAGE_AND_DAG",
  status: "succeeded",
  status_reason: null,
  image_repository: "registry/billing",
  image_tag: `tag-${id}`,
  runtime: "3.1-12",
  airflow: "3.1.8",
  airflow_major: 3,
  dag_bundle: null,
  git_commit: null,
  mechanism_label: "image-based",
  rollback: null,
  rolled_back_by: null,
  rejected: null,
  origin: null,
  runs_now: false,
  can_roll_back: true,
  reasons: [],
  crosses_major: false,
  downgrade: false,
  ...change,
});

/** A history from the latest to the oldest, a day apart. */
export const daily = (...changes: (Partial<Deploy> & { id: string })[]): Deploy[] =>
  changes.map(({ id, ...change }, age) =>
    deploy(id, { created_at: new Date(Date.UTC(2026, 10, 28 - age, 10)).toISOString(), ...change }),
  );

export const summary = (running: string | null, latest: string | null, change: Partial<Summary> = {}): Summary => ({
  id: "cm",
  name: "Billing",
  release_name: "stellar-orbit-4821",
  runtime: "3.1-12",
  airflow: "3.1.8",
  mechanism_label: "image-based",
  health: "HEALTHY",
  platform: "Astro Private Cloud",
  url: null,
  scope: "image",
  scopes: ["image"],
  running: running === null ? null : {
    id: running,
    since: "2026-11-20T10:00:00+00:00",
    image_tag: `tag-${running}`,
    runtime: "3.1-12",
    airflow: "3.1.8",
    created_by: "ana.silva",
    description: "Release",
  },
  latest_id: latest,
  in_progress: null,
  obstacles: [],
  read_at: "2026-11-28T12:00:00+00:00",
  ...change,
});

export const page = (rows: Deploy[], cursor: string | null = null): HistoryPage => ({
  summary: summary(rows.find((row) => row.status === "succeeded")?.id ?? null, rows[0]?.id ?? null),
  rows,
  next_cursor: cursor,
});

export const answer = (change: Partial<PlanAnswer> = {}, allowed = true): PlanAnswer => ({
  plan: {
    allowed,
    latest_id: "d3",
    scope: "image",
    verdict: { allowed, code: "AIRFLOW-3-TO-3", reason: "Within Airflow 3.", source: "docs" },
    failed_checks: [],
    warnings: [],
    permissions: [],
    changes: [],
    rolled_back: [],
    not_rolled_back: [],
    undo: "",
    undone_by: "",
    needs_acknowledgement: false,
    downgrade: false,
    platform: "Astro Private Cloud",
  },
  confirm_name: null,
  description_limit: 20,
  in_progress: null,
  may_roll_back: true,
  reason: null,
  start: {
    url: "/api/v2/dags/back/dagRuns",
    body: { logical_date: null, conf: conf },
    run_url: "/api/v2/dags/back/dagRuns/{run_id}",
    run_page: "/dags/back/runs/{run_id}",
  },
  ...change,
});

export const conf = { target: "d1", expected_current_deploy_id: "d3", description: "", acknowledge_airflow_3_to_2: false };
