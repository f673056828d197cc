# SPDX-License-Identifier: Apache-2.0
"""Runs next to an Airflow 2 and carries out the actions of its web interface, one JSON line for each.

Airflow 2's command line can do some of it, five seconds at a time; its web server would have to be started.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.models import DagBag, DagRun
from airflow.utils.state import TaskInstanceState

TASK = "roll_back"


def trigger(dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
    """Start a run."""
    trigger_dag(dag_id, run_id=run_id, conf=conf, replace_microseconds=False)


def clear(dag_id: str, run_id: str) -> None:
    """Clear the task of a run."""
    run = DagRun.find(dag_id=dag_id, run_id=run_id)[0]
    dag = DagBag(read_dags_from_db=True).get_dag(dag_id)
    dag.clear(task_ids=[TASK], start_date=run.execution_date, end_date=run.execution_date)


def mark_failed(dag_id: str, run_id: str) -> None:
    """Mark the task of a run as failed."""
    dag = DagBag(read_dags_from_db=True).get_dag(dag_id)
    dag.set_task_instance_state(task_id=TASK, run_id=run_id, state=TaskInstanceState.FAILED)


def main() -> None:
    """Carry out actions until the input ends."""
    orders = {"trigger": trigger, "clear": clear, "mark_failed": mark_failed}
    for line in sys.stdin:
        order = json.loads(line)
        orders[order.pop("do")](**order)
        sys.stdout.write("\ndone\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
