// SPDX-License-Identifier: Apache-2.0
// Invented Deployments for the fake Airflow. Their rules are only plausible; the server has the real ones.

const HOUR = 3600e3;
const PAGE = 100;
const WHO = ["github-actions", "ana.silva", "github-actions", "bo.lindqvist", "github-actions", "chidi.okafor"];
const WHY = [
  "Nightly load: retry the export step",
  "Bump the warehouse client",
  "",
  "New Dag for supplier invoices",
  "Fix time zone in the settlement report",
  "Split the orders Dag in two",
  "Alert when the ledger is late",
];
const RUNTIMES = [
  ["12.1.0", "2.11.0"],
  ["12.7.1", "2.11.0"],
  ["13.2.0", "2.11.2"],
  ["3.1-8", "3.1.5"],
  ["3.1-12", "3.1.8"],
  ["3.3-2", "3.3.1"],
];

const ids = ["billing", "orders", "big", "empty", "down", "expired", "readonly", "busy", "odd"];
/** Names that are hard to show: right-to-left override, the words of the page itself, HTML. */
const ODD_NAME = "Rolled back \u202efdp.txt <b>bold</b>";
const LONG_TAG = `registry-mirror-${"0123456789abcdef".repeat(7)}`.slice(0, 127);
const LONG_TEXT = "Release 3 loses orders. ".repeat(125);

const nameOf = (id) => (id === "odd" ? ODD_NAME : id.charAt(0).toUpperCase() + id.slice(1));

export class World {
  constructor() {
    this.began = Date.now();
    this.started = null;
    this.histories = new Map(ids.map((id) => [id, id === "empty" ? [] : make(id, { big: 10000, orders: 40 }[id] ?? 130)]));
  }

  has(query) {
    return this.histories.has(query.get("deployment")?.replace("-4821", ""));
  }

  options() {
    const options = ids.map((id) => ({
      connection: id === "expired" || id === "down" ? "private_cloud_staging" : "astro_private_cloud_default",
      deployment: `${id}-4821`,
      label: nameOf(id),
      dag_id: "example_manual_rollback",
      may_roll_back: id !== "readonly",
      reason:
        id === "readonly"
          ? "Rolling back needs the right to trigger the Dag example_manual_rollback, which you do not have. Ask an Airflow administrator."
          : null,
    }));
    return [200, { airflow: 2, user: { name: "dev" }, options, notice: null }];
  }

  history(query) {
    const id = query.get("deployment").replace("-4821", "");
    if (id === "down") return refuse("PLATFORM-DOWN", "Reading the deploy history of 'down-4821' failed: https://houston.example.com did not answer within 10 s.", "Check that the platform is up, and try again.");
    if (id === "expired") return refuse("TOKEN-EXPIRED", "The token of the connection private_cloud_staging expired on 2026-11-01.", "Make a new token on the platform and put it into the connection.");
    this.move(id);
    const all = this.histories.get(id);
    const from = Number(query.get("cursor") ?? 0);
    const rows = all.slice(from, from + PAGE);
    const next = from + PAGE < all.length ? String(from + PAGE) : null;
    return [200, { summary: this.summary(id), rows: rows.map((row) => judged(row, all)), next_cursor: next }];
  }

  summary(id) {
    const rows = this.histories.get(id);
    const running = rows.find((row) => row.status === "succeeded");
    const open = rows[0]?.status === "in progress" ? rows[0] : null;
    return {
      id: `cm${id}0000000000`,
      name: nameOf(id),
      release_name: `${id}-4821`,
      runtime: running?.runtime ?? "3.3-2",
      airflow: running?.airflow ?? "3.3.1",
      mechanism: "dag_deploy",
      mechanism_label: "Dag-only deploys",
      health: "HEALTHY",
      platform: "Astro Private Cloud",
      url: "https://app.example.com/d/cm/deploy-history",
      scope: "image_and_dags",
      scopes: ["image_and_dags", "image", "dags"],
      running: running ? { ...running, since: running.created_at } : null,
      latest_id: rows[0]?.id ?? null,
      in_progress: open && { id: open.id, since: open.created_at, rollback: Boolean(open.rollback), target: open.rollback?.target ?? null, description: open.description, created_by: open.created_by },
      obstacles: id === "readonly" ? [{ code: "ROLLBACK-OFF-ON-DEPLOYMENT", reason: "Rollbacks are switched off on Deployment 'Readonly'.", remedy: "Switch on the toggle Rollback Deploy in the Deployment's settings." }] : [],
      read_at: new Date().toISOString(),
    };
  }

  plan(query) {
    const id = query.get("deployment").replace("-4821", "");
    const all = this.histories.get(id);
    const target = judged(all.find((row) => row.id === query.get("target")), all);
    const current = all.find((row) => row.status === "succeeded");
    const scope = query.get("scope") ?? "image_and_dags";
    const warnings = [
      ...(target.rolled_back_by ? [{ code: "TARGET-ROLLED-BACK-FROM", message: `Deploy ${target.id} brings back what was rolled back from (rollback ${target.rolled_back_by}). The reason was: “${all.find((row) => row.id === target.rolled_back_by).description}”.`, severe: true }] : []),
      ...(target.crosses_major ? [{ code: "DAGS-DO-NOT-CARRY-OVER", message: "Dags written for Airflow 3 do not run on Airflow 2: roll the Dags back too.", severe: true }] : []),
      ...(target.downgrade
        ? [
            { code: "DATA-ERASED", message: "Data of features that the target Runtime lacks is erased from the metadata database and cannot be recovered.", severe: true },
            { code: "RUNNING-TASKS-FAIL", message: "All running tasks fail at once; tasks with retries left are retried after the rollback.", severe: true },
          ]
        : [{ code: "RUNNING-TASKS-GO-ON", message: "Running tasks go on with the code that they started with; the Runtime is not downgraded.", severe: false }]),
      { code: "API-SERVER-REPLACED", message: "The Airflow 3 API server is replaced during the rollback; workers may miss heartbeats meanwhile.", severe: false },
    ];
    const plan = {
      allowed: target.can_roll_back,
      latest_id: all[0].id,
      scope,
      verdict: { allowed: true, code: "AIRFLOW-3-TO-3", reason: `Rollbacks within Airflow 3 are supported from Runtime 3.1-2 on: Runtime ${current.runtime} → Runtime ${target.runtime}.`, source: "Astronomer documentation" },
      failed_checks: target.reasons,
      warnings,
      permissions: ["deployment.images.push", "deployment.dags.push"],
      changes: [
        { what: "image", before: current.image_tag, after: target.image_tag },
        { what: "Runtime", before: `${current.runtime} (Airflow ${current.airflow})`, after: `${target.runtime} (Airflow ${target.airflow})` },
        { what: "Dags", before: `bundle ${current.dag_bundle}`, after: `bundle ${target.dag_bundle}` },
      ],
      rolled_back: ["the image with the Astro Runtime version and the project's code", "the Dags", "the Deployment's Dag deploy setting"],
      not_rolled_back: ["resources (executor, scheduler, workers and their sizes)", "environment variables", "other settings of the Deployment (name, description)"],
      undo: `Roll back to deploy ${current.id} (the one that runs now), scope ${scope}, before it is 90 days old.`,
      undone_by: `The next deploy from CI brings image tag ${current.image_tag} back unless that release is fixed, reverted or stopped there first.`,
      needs_acknowledgement: target.crosses_major,
      downgrade: target.downgrade,
      platform: "Astro Private Cloud",
    };
    const start = {
      url: "/api/dags/example_manual_rollback/dagRuns",
      body: { logical_date: null, conf: { deployment_id: id, target: target.id, expected_current_deploy_id: current.id, description: "" } },
      run_url: "/api/dags/example_manual_rollback/dagRuns/{run_id}",
      run_page: "/dags/example_manual_rollback/runs/{run_id}",
    };
    return [200, { plan, confirm_name: target.crosses_major ? this.summary(id).name : null, description_limit: 464, in_progress: null, may_roll_back: id !== "readonly", reason: null, start }];
  }

  start(body) {
    this.started = { at: Date.now(), ...body.conf, row: null };
    return [200, { dag_run_id: body.dag_run_id, state: "queued" }];
  }

  run() {
    const seconds = (Date.now() - (this.started?.at ?? 0)) / 1000;
    return [200, { dag_run_id: "x", state: seconds < 3 ? "queued" : seconds < 25 ? "running" : "success" }];
  }

  /** Let the started rollback go on as time passes. */
  move(id) {
    const { started } = this;
    if (started?.deployment_id !== id) return;
    const rows = this.histories.get(id);
    const seconds = (Date.now() - started.at) / 1000;
    if (seconds > 7 && !started.row) {
      const target = rows.find((row) => row.id === started.target);
      started.row = { ...target, id: `new${rows.length}`, created_at: new Date().toISOString(), status: "in progress", description: started.description, created_by: "dev", rollback: { target: target.id, scope: "image_and_dags" } };
      rows.unshift(started.row);
    }
    if (seconds > 20 && started.row.status === "in progress") started.row.status = "succeeded";
  }
}

const refuse = (code, message, remedy) => [424, { error: { code, message, remedy } }];

function make(id, count) {
  const rows = [];
  let time = Date.now() - count * 26 * HOUR;
  for (let number = 0; number < count; number++) {
    time += HOUR * (3 + ((number * 7919) % 46));
    rows.unshift(row(id, number, count, time));
  }
  if (id === "odd") for (const one of rows.slice(1, 4)) Object.assign(one, { image_tag: LONG_TAG, description: LONG_TEXT, created_by: "someone.with-a-long-name@subsidiary.example.com", status: "succeeded" });
  if (id === "busy") rows[0] = { ...rows[0], status: "in progress", rollback: { target: rows[4].id, scope: "image" } };
  return rows;
}

function row(id, number, count, time) {
  const [runtime, airflow] = RUNTIMES[Math.floor((number * RUNTIMES.length) / count)];
  const dagsOnly = number % 4 === 2;
  const failed = number % 13 === 9;
  const back = number % 29 === 20;
  return {
    id: `cm${id}${String(number).padStart(6, "0")}`,
    created_at: new Date(Math.min(time, Date.now() - HOUR)).toISOString(),
    created_by: back ? "bo.lindqvist" : WHO[number % WHO.length],
    description: back ? "Orders Dag fails since this morning, back to the last good one" : WHY[number % WHY.length],
    type: dagsOnly ? "DAG_ONLY" : "IMAGE_AND_DAG",
    status: failed ? "failed" : "succeeded",
    status_reason: failed ? "helm upgrade failed: timed out waiting for the condition" : null,
    image_repository: "registry.example.com/billing/airflow",
    image_tag: `release-${number}`,
    runtime: dagsOnly ? null : runtime,
    airflow: dagsOnly ? null : airflow,
    airflow_major: Number(airflow[0]),
    dag_bundle: `2026-${number}T10`,
    git_commit: number % 7 === 3 ? null : `${(number * 2654435761).toString(16).padStart(12, "1f2e3d4c")}`,
    mechanism_label: "Dag-only deploys",
    rollback: back ? { target: `cm${id}${String(number - 4).padStart(6, "0")}`, scope: "image_and_dags" } : null,
  };
}

/** The second deploy after a rollback brings back what was rolled back from. */
function rejection(row, all) {
  const rollback = all[all.indexOf(row) + 2];
  if (!rollback?.rollback || row.status !== "succeeded") return null;
  return { rolled_back_at: rollback.created_at, reason: rollback.description, rollback_id: rollback.id, rolled_back_by: rollback.created_by, deploy_id: all[all.indexOf(rollback) + 1].id };
}

function judged(row, all) {
  const current = all.find((other) => other.status === "succeeded");
  const newer = all[all.indexOf(row) - 1];
  const reasons = [];
  const days = (Date.now() - Date.parse(row.created_at)) / 24 / HOUR;
  if (row === current) reasons.push({ code: "TARGET-RUNS-ALREADY", reason: `What deploy ${row.id} would bring back (image and Dags) is what runs now.`, remedy: "Nothing needs to be rolled back." });
  if (row.status !== "succeeded") reasons.push({ code: "TARGET-NOT-SUCCEEDED", reason: `Deploy ${row.id} is not known to have succeeded (status: ${row.status}).`, remedy: "Choose a deploy that succeeded." });
  if (days > 90) reasons.push({ code: "TARGET-EXPIRED", reason: `Deploy ${row.id} was made on ${row.created_at.slice(0, 10)}, more than 90 days ago.`, remedy: "Choose a younger deploy, or deploy that version anew." });
  const major = current?.airflow_major !== row.airflow_major;
  return {
    ...row,
    rolled_back_by: newer?.rollback ? newer.id : null,
    rejected: rejection(row, all),
    origin: row.rollback && { dag_id: "example_manual_rollback", run_id: "manual__1", asked_by: "ana", run_page: "/dags/example_manual_rollback/runs/manual__1" },
    runs_now: row === current,
    can_roll_back: reasons.length === 0,
    reasons,
    crosses_major: major,
    downgrade: major || (row.runtime !== null && row.runtime !== current?.runtime),
  };
}
