// SPDX-License-Identifier: Apache-2.0
// The JSON of the server. Times are ISO 8601 with an offset.

export interface Reason {
  code: string;
  reason: string;
  remedy: string;
}

/** A Deployment that the configuration offers. "*" stands for all of its connection. */
export interface DeploymentOption {
  connection: string;
  deployment: string;
  label: string;
  dag_id: string;
  may_roll_back: boolean;
  reason: string | null;
}

/** A text to copy. */
export interface Snippet {
  title: string;
  text: string;
}

export interface Notice {
  code: string;
  message: string;
  remedy: string;
  snippets: Snippet[];
}

export interface Options {
  options: DeploymentOption[];
  notice: Notice | null;
}

/** A page of the Deployments of a connection. */
export interface DeploymentList {
  options: DeploymentOption[];
  start: number;
  total: number;
  page_size: number;
}

export interface Running {
  id: string;
  since: string;
  image_tag: string | null;
  runtime: string | null;
  airflow: string | null;
  created_by: string | null;
  description: string;
}

/** A deploy or rollback in progress. */
export interface InProgress {
  id: string;
  since: string;
  rollback: boolean;
  target: string | null;
  description: string;
  created_by: string | null;
}

export interface Summary {
  id: string;
  name: string;
  release_name: string;
  runtime: string | null;
  airflow: string | null;
  mechanism_label: string;
  health: string | null;
  platform: string;
  url: string | null;
  scope: string;
  scopes: string[];
  running: Running | null;
  latest_id: string | null;
  in_progress: InProgress | null;
  obstacles: Reason[];
  read_at: string;
}

export type Status = "in progress" | "succeeded" | "failed" | "unknown";

export interface Rejection {
  rolled_back_at: string;
  reason: string;
  rollback_id: string;
  rolled_back_by: string | null;
  deploy_id: string;
}

/** The Dag run that made a rollback. The address is null if it is not a run of this Airflow. */
export interface Origin {
  dag_id: string;
  run_id: string;
  asked_by: string | null;
  run_page: string | null;
}

export interface Deploy {
  id: string;
  created_at: string;
  created_by: string | null;
  description: string;
  type: string;
  status: Status;
  status_reason: string | null;
  image_repository: string | null;
  image_tag: string | null;
  runtime: string | null;
  airflow: string | null;
  airflow_major: number | null;
  dag_bundle: string | null;
  git_commit: string | null;
  mechanism_label: string;
  rollback: { target: string; scope: string | null } | null;
  rolled_back_by: string | null;
  /** The rollback from the content that this deploy brings back; null if it brings back none. */
  rejected: Rejection | null;
  origin: Origin | null;
  runs_now: boolean;
  can_roll_back: boolean;
  reasons: Reason[];
  crosses_major: boolean;
  downgrade: boolean | null;
}

export interface HistoryPage {
  summary: Summary;
  rows: Deploy[];
  next_cursor: string | null;
}

export interface PlanWarning {
  code: string;
  message: string;
  severe: boolean;
}

export interface Plan {
  allowed: boolean;
  latest_id: string;
  scope: string;
  verdict: { allowed: boolean; code: string; reason: string; source: string };
  failed_checks: Reason[];
  warnings: PlanWarning[];
  permissions: string[];
  changes: { what: string; before: string; after: string }[];
  rolled_back: string[];
  not_rolled_back: string[];
  undo: string;
  undone_by: string;
  needs_acknowledgement: boolean;
  downgrade: boolean | null;
  platform: string;
}

/** The request that starts the Dag run. The addresses have `{run_id}` for the run's id. */
export interface Start {
  url: string;
  body: { conf: Conf; [name: string]: unknown };
  run_url: string;
  run_page: string;
}

export interface Conf {
  target: string;
  expected_current_deploy_id: string | null;
  description: string;
  acknowledge_airflow_3_to_2: boolean;
  [name: string]: unknown;
}

export interface PlanAnswer {
  plan: Plan;
  confirm_name: string | null;
  description_limit: number;
  in_progress: InProgress | null;
  may_roll_back: boolean;
  reason: string | null;
  start: Start | null;
}

export interface Run {
  dag_run_id: string;
  state: string;
}
