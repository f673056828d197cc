# SPDX-License-Identifier: Apache-2.0
"""Checks whether a user can start a rollback Dag in this Airflow."""

from __future__ import annotations

from airflow_rollback_provider.compat import has_left
from airflow_rollback_provider.ui.problems import may_not_trigger


def start_problem(dag_id: str) -> str | None:
    """Return why a run of a Dag would not begin, None if it would.

    This reads Airflow's database, so only Airflow's servers may call it.
    """
    from airflow.models.dag import DagModel

    dag = DagModel.get_current(dag_id)
    if dag is None or has_left(dag):
        return (
            f"Airflow has no Dag {dag_id}, which would roll this Deployment back. Add a Dag file of two "
            f"lines: `from airflow_rollback_provider.dags import rollback_dag` and "
            f"`dag = rollback_dag(dag_id={dag_id!r})`."
        )
    if dag.has_import_errors:
        return f"The Dag {dag_id}, which rolls this Deployment back, has import errors. Fix it first."
    if dag.is_paused:
        return (
            f"The Dag {dag_id}, which rolls this Deployment back, is paused: a run would not begin. Unpause "
            "it first."
        )
    return None


def has_run(dag_id: str, run_id: str) -> bool:
    """Return whether this Airflow has a run. Another Airflow may have made a rollback of the history.

    This reads Airflow's database, so only Airflow's servers may call it.
    """
    from airflow.models.dagrun import DagRun

    return bool(DagRun.find(dag_id=dag_id, run_id=run_id))


def missing_right(dag_id: str) -> str:
    """Return the message for a user who may not trigger a Dag."""
    problem = may_not_trigger(dag_id)
    return f"{problem.message} {problem.remedy}"
