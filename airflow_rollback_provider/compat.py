# SPDX-License-Identifier: Apache-2.0
"""The names that live in different places on Airflow 2 and 3.

No other file checks which of the two is installed.

Each name is imported from the place that its Airflow line recommends, so that no line warns. Only modules are
imported that Airflow itself loads when it parses a Dag.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any

AIRFLOW_3 = find_spec("airflow.sdk") is not None

if TYPE_CHECKING or AIRFLOW_3:
    from airflow.sdk import (
        BaseHook,
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Context,
        Param,
        Variable,
    )
    from airflow.sdk.bases.sensor import PokeReturnValue
    from airflow.sdk.exceptions import AirflowException
    from airflow.sdk.execution_time.xcom import XCom
    from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent
else:
    from airflow.exceptions import AirflowException
    from airflow.hooks.base import BaseHook
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.models.param import Param
    from airflow.models.variable import Variable
    from airflow.models.xcom import XCom
    from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
    from airflow.triggers.base import BaseTrigger, TriggerEvent
    from airflow.utils.context import Context

    BaseEventTrigger = BaseTrigger  # assets have no watchers there

# Airflow 3.1 keeps these where Airflow 2 does.
if TYPE_CHECKING or (AIRFLOW_3 and find_spec("airflow.sdk.configuration") is not None):
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferred,
    )
else:
    from airflow.configuration import conf
    from airflow.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferred,
    )


_masked: set[str] = set()


_DEFERRAL_MARGIN = timedelta(minutes=5)
_LONGEST_FLUSH = 5.0


def deferral_timeout(deadline: float) -> timedelta:
    """Return the time-out of a deferral. Airflow's own one bypasses the operator: the trigger's comes first.

    :param deadline: when the trigger stops waiting, in seconds since the epoch.
    """
    return timedelta(seconds=max(0.0, deadline - time.time())) + _DEFERRAL_MARGIN


def mask_secret(secret: str) -> None:
    """Let Airflow replace a text by asterisks in every log line from now on. Not for an event loop."""
    _masked.add(secret)
    module = "airflow.sdk.log" if AIRFLOW_3 else "airflow.utils.log.secrets_masker"
    import_module(module).mask_secret(secret)


async def amask_secret(secret: str) -> None:
    """Do the same inside an event loop.

    The triggerer of Airflow 3 reports secrets to its supervisor. Waiting for that in the event loop can stop
    the triggerer for good, so a thread waits. It must be a thread of asgiref, which uses this loop: in
    another thread Airflow 3.1 sends to the supervisor from a second loop, and the whole triggerer dies of an
    answer that was read out of order.
    """
    if secret in _masked:  # a triggerer that tracks a thousand rollbacks has one connection to mask
        return
    from asgiref.sync import sync_to_async

    await sync_to_async(mask_secret)(secret)


def connection_variable(conn_id: str) -> str:
    """Return the name of the environment variable that may hold an Airflow connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def is_missing(conn_id: str, error: Exception) -> bool:
    """Return whether there is no connection with an id; otherwise Airflow cannot read it.

    Some lines of Airflow skip a variable that they cannot read.

    :param error: the error of reading it.
    """
    return isinstance(error, AirflowNotFoundException) and not os.environ.get(connection_variable(conn_id))


async def get_async_connection(conn_id: str) -> Any:
    """Read an Airflow connection inside an event loop.

    :raises AirflowNotFoundException: when there is none.
    """
    from airflow.providers.common.compat.connection import get_async_connection as get

    return await get(conn_id)


def stats() -> Any:
    """Return Airflow's ``Stats``. Importing it sets a backend up, so only a task that runs does.

    Airflow 3.2 and later have several, and initialise this one in the process of a task.
    """
    in_sdk = AIRFLOW_3 and find_spec("airflow.sdk.observability") is not None
    return import_module("airflow.sdk.observability.stats" if in_sdk else "airflow.stats").Stats


def stats_lose_tags() -> bool:
    """Return whether Airflow sends its metrics by StatsD in its plain form, which has no tags."""
    with_tags = ("statsd_datadog_enabled", "statsd_influxdb_enabled")
    on = conf.getboolean("metrics", "statsd_on", fallback=False)
    return on and not any(conf.getboolean("metrics", name, fallback=False) for name in with_tags)


def flush_stats() -> None:
    """Send what OpenTelemetry holds, on Airflow 2. Airflow 3 does that itself when a task's process ends.

    It waits a few seconds for a receiver that does not answer. Call it at the end of a task.
    """
    if AIRFLOW_3 or not conf.getboolean("metrics", "otel_on", fallback=False):
        return
    provider: Any = import_module("opentelemetry.metrics").get_meter_provider()
    sender = Thread(target=provider.force_flush, daemon=True)
    sender.start()
    sender.join(_LONGEST_FLUSH)


def has_left(dag: Any) -> bool:
    """Return whether a Dag of Airflow's database is in no Dag file any more."""
    return bool(dag.is_stale if AIRFLOW_3 else not dag.is_active)


def states_of(context: Context, task_id: str) -> dict[int, str | None]:
    """Return the states of a task's instances in the run that a task belongs to, by map index.

    :param task_id: the task whose states are read. A task that is not mapped has the index -1.
    """
    ti: Any = context["ti"]
    if not AIRFLOW_3:
        run: Any = context["dag_run"]
        found = (other for other in run.get_task_instances() if other.task_id == task_id)
        return {other.map_index: _word(other.state) for other in found}
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
    # Airflow 3 appends the index to the task id.
    return {
        int(name[len(task_id) + 1 :] or -1): _word(state) for name, state in states.get(ti.run_id, {}).items()
    }


def run_goes_on(context: Context, dag_id: str, run_id: str) -> bool:
    """Return whether a run of a Dag in this Airflow exists and has not ended."""
    going_on = ["queued", "running"]
    if AIRFLOW_3:
        ti: Any = context["ti"]
        return bool(ti.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=going_on))
    kind: Any = type(context["dag_run"])
    return any(_word(run.state) in going_on for run in kind.find(dag_id=dag_id, run_id=run_id))


def _word(state: Any) -> str | None:
    """Read a state, which is a text, an enum or nothing."""
    word: str | None = getattr(state, "value", state)
    return word


def _list_variables(prefix: str) -> list[str]:
    return list(Variable.keys(prefix=prefix))


def _read_variable_row(key: str) -> str | None:
    from airflow.utils.session import create_session

    model: Any = Variable
    with create_session() as session:
        row = session.query(model).filter(model.key == key).one_or_none()
        if row is None:
            return None
        value: str | None = row.get_val()
    if value is None:
        raise AirflowException(f"The Variable {key} cannot be decrypted with this installation's Fernet key.")
    return value


# Airflow 3.3 lists the keys of Variables, and that fails when the database is away. Older lines have no list.
list_variables = _list_variables if hasattr(Variable, "keys") else None
# Airflow 2 gives tasks the database. Reading the row fails when it is away.
read_variable_row = None if AIRFLOW_3 else _read_variable_row


__all__ = [
    "AIRFLOW_3",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "BaseEventTrigger",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "Param",
    "PokeReturnValue",
    "TaskDeferred",
    "TriggerEvent",
    "Variable",
    "XCom",
    "amask_secret",
    "conf",
    "connection_variable",
    "flush_stats",
    "get_async_connection",
    "has_left",
    "is_missing",
    "list_variables",
    "mask_secret",
    "read_variable_row",
    "run_goes_on",
    "states_of",
    "stats",
    "stats_lose_tags",
]
