# SPDX-License-Identifier: Apache-2.0
"""The Dag that the page *Deploy History* starts, for a Dag file of two lines.

::

    from airflow_rollback_provider.dags import rollback_dag

    dag = rollback_dag(dag_id="roll_back")
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow import DAG

from airflow_rollback_provider.compat import Param
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.platforms.connection_types import PRIVATE_CLOUD

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK_ID = "roll_back"


def rollback_dag(
    dag_id: str, *, operator_arguments: Mapping[str, Any] | None = None, **dag_arguments: Any
) -> DAG:
    """Create a Dag with a form and one task, ``roll_back``, that rolls a Deployment back.

    Run it in another Deployment than the one that is rolled back: a rollback replaces the Airflow of its
    Deployment. The Dag has no schedule, and one run at a time. The task waits in the triggerer. Its two
    retries find the submitted rollback and continue to wait for it.

    :param dag_id: id of the Dag.
    :param operator_arguments: arguments of :class:`RollbackOperator` that the form does not have, for example
        ``guards``, ``approval_task_id`` or ``on_submitted_callback``. With ``astro_conn_id`` the form has no
        field for the connection, and a run cannot select another one.
    :param dag_arguments: arguments of the Dag, for example ``tags``, ``access_control`` or ``default_args``.
        ``params`` changes the form: a value is a new default of its field, a ``Param`` replaces the field or
        adds one.
    :return: the Dag. A ``with`` statement adds tasks to it.
    :raises BadInput: when the form or Airflow's ``DAG`` does not allow an argument.
    """
    operator_arguments, form = dict(operator_arguments or {}), _form()
    if "astro_conn_id" in operator_arguments:
        del form["astro_conn_id"]
    in_form = sorted(form.keys() & operator_arguments.keys())
    if in_form:
        raise BadInput(
            f"rollback_dag of the Dag {dag_id!r} has {in_form[0]!r} in operator_arguments, but each run gets "
            "it from the form. Change the form with params instead."
        )
    params = dag_arguments.pop("params", None) or {}
    dag_arguments["default_args"] = {**_TASK_DEFAULTS, **(dag_arguments.get("default_args") or {})}
    try:
        dag = DAG(dag_id=dag_id, params=form, **{**_DAG_DEFAULTS, **dag_arguments})
    except TypeError as error:
        raise BadInput(
            f"rollback_dag cannot create the Dag {dag_id!r}: {error}. It takes the arguments of a DAG; those "
            "of the RollbackOperator belong in operator_arguments."
        ) from error
    dag.params.update(params)
    from_form: dict[str, Any] = {name: f"{{{{ params.{name} }}}}" for name in form}
    with dag:
        RollbackOperator(**{"task_id": TASK_ID, **from_form, **operator_arguments})
    return dag


_DAG_DEFAULTS: dict[str, Any] = {
    "description": "Roll a Deployment back to an earlier deploy.",
    "schedule": None,
    "catchup": False,
    "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "max_active_runs": 1,
    "tags": ["rollback"],
}
_TASK_DEFAULTS: dict[str, Any] = {
    "deferrable": True,
    "poll_interval": 10,
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
}


def _form() -> dict[str, Param]:
    return {
        "deployment_id": Param(
            type="string",
            minLength=1,
            title="Deployment",
            description="Id or release name of the Deployment to roll back.",
        ),
        "target": Param(
            "previous",
            type="string",
            minLength=1,
            title="Go back to",
            description="previous, a deploy's id, or a selector such as tag:…, runtime:12 or airflow:2.11.",
        ),
        "description": Param(
            type="string",
            minLength=1,
            maxLength=400,
            title="Reason",
            description="Why the Deployment is rolled back. It is written to the deploy history.",
        ),
        "plan_only": Param(
            False,
            type="boolean",
            title="Plan only",
            description="Show what would happen and change nothing.",
        ),
        "acknowledge_airflow_3_to_2": Param(
            False,
            type="boolean",
            title="Accept the loss of going from Airflow 3 to Airflow 2",
            description="Data that Airflow 2 has no place for is erased; Dags of Airflow 3 do not run.",
        ),
        "scope": Param(
            None,
            type=["null", "string"],
            enum=[None, "image", "dags", "image_and_dags"],
            title="Scope",
            description="The part to bring back; empty takes all that the Deployment's deploys carry.",
        ),
        "expected_current_deploy_id": Param(
            None,
            type=["null", "string"],
            title="Runs now",
            description="Id of the deploy that must be running still; empty is not checked.",
        ),
        "astro_conn_id": Param(
            PRIVATE_CLOUD.default_conn_id,
            type="string",
            minLength=1,
            title="Connection",
            description="Airflow connection to the platform.",
        ),
    }
