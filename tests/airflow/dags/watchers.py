# SPDX-License-Identifier: Apache-2.0
"""An asset for each Deployment in WATCHED, with a watcher for its deploys."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_rollback_provider.triggers.deploys import DeployLandedTrigger

for deployment in os.environ["WATCHED"].split():
    trigger = DeployLandedTrigger(deployment, poll_interval=1, astro_conn_id=os.environ["WATCHED_CONNECTION"])
    asset = Asset(
        f"deploys_{deployment}", watchers=[AssetWatcher(name=f"watch_{deployment}", trigger=trigger)]
    )
    with DAG(
        dag_id=f"hears_{deployment}",
        schedule=[asset],  # a watcher works while a Dag wants its asset
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
    ) as dag:
        EmptyOperator(task_id="nothing")
    globals()[dag.dag_id] = dag
