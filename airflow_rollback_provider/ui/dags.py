# SPDX-License-Identifier: Apache-2.0
"""Whether a rollback Dag can be started in this Airflow."""

from __future__ import annotations

from airflow_rollback_provider.compat import has_left


def why_not_started(dag_id: str) -> str | None:
    """Tell why a run of a Dag would not begin, None if nothing speaks against it.

    Reads Airflow's database: for its servers alone.
    """
    from airflow.models.dag import DagModel

    dag = DagModel.get_current(dag_id)
    if dag is None or has_left(dag):
        return (
            f"Airflow has no Dag {dag_id}, which would roll this Deployment back. Add it; the package's "
            "documentation shows one."
        )
    if dag.has_import_errors:
        return f"The Dag {dag_id}, which rolls this Deployment back, has import errors. Mend it first."
    if dag.is_paused:
        return (
            f"The Dag {dag_id}, which rolls this Deployment back, is paused: a run would not begin. Unpause "
            "it first."
        )
    return None


def why_not_allowed(dag_id: str) -> str:
    """Say that somebody may not start a Dag."""
    return (
        f"Rolling back needs the right to trigger the Dag {dag_id}, which you do not have. Ask an Airflow "
        "administrator for it."
    )
