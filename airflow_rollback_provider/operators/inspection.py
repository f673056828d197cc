# SPDX-License-Identifier: Apache-2.0
"""What the Airflow of a Deployment tells of a rollback before it is carried out."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput, RollbackError
from airflow_rollback_provider.drain.active_work import not_read, work_warnings
from airflow_rollback_provider.drain.survey import inspect_work
from airflow_rollback_provider.hooks.airflow_api import AirflowApiHook

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.compatibility import PlanWarning
    from airflow_rollback_provider.domain.plan import RollbackPlan


def inspect(airflow_conn_id: str, plan: RollbackPlan) -> tuple[PlanWarning, ...]:
    """Look into the Deployment and return what a plan should warn of.

    An Airflow that does not answer is a warning too: a Deployment that is down is one to roll back.

    :param airflow_conn_id: Airflow connection to the Airflow of the Deployment.
    :raises BadInput: when the connection cannot be used.
    """
    try:
        with closing(AirflowApiHook(airflow_conn_id)) as hook:
            work = hook.run(inspect_work(hook.api, sources=plan.needs_acknowledgement))
    except BadInput:
        raise
    except RollbackError as error:
        return (not_read(error),)
    return tuple(work_warnings(work, plan))
