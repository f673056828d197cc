# SPDX-License-Identifier: Apache-2.0
"""State in Airflow that outlives a try, a triggerer or a run. No other file keeps state there.

Three stores have one interface (``get``, ``set``, ``delete``, and for event loops ``aget`` and so on):

* :class:`TaskStateStore`: Airflow's own store of a task instance (Airflow 3.3 and later).
* :class:`AssetStateStore`: Airflow's own store of an asset, for event triggers (Airflow 3.3 and later).
* :class:`VariableStore`: Airflow Variables, for older lines and where the others do not fit.

A read that failed is an error and never means "no value". ``docs/decisions/0012`` explains why that is so on
each Airflow line.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import Variable, list_variables, read_variable_row
from airflow_rollback_provider.domain.errors import BadInput, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.compat import Context

_PROBE = "rollback_state_probe"
_PROBES = 5
SECONDS_BETWEEN_PROBES = 0.3


class StateStore:
    """Keeps JSON-ready values by key. A subclass provides the place."""

    def get(self, key: str) -> Any:
        """Return the value, or None when there is none.

        :raises StateUnavailable: when it cannot be read.
        :raises BadInput: when the kept value is damaged.
        """
        return self._attempt("read", key, lambda: self._get(key))

    def set(self, key: str, value: Any) -> None:
        """Store a value in the place of an earlier one.

        :raises StateUnavailable: when it cannot be written.
        """
        self._attempt("write", key, lambda: self._set(key, value))

    def delete(self, key: str) -> None:
        """Delete a value. It is no error when there is none.

        :raises StateUnavailable: when it cannot be deleted.
        """
        self._attempt("delete", key, lambda: self._delete(key))

    async def aget(self, key: str) -> Any:
        """Do what :meth:`get` does, inside an event loop."""
        return await _in_thread(self.get, key)

    async def aset(self, key: str, value: Any) -> None:
        """Do what :meth:`set` does, inside an event loop."""
        await _in_thread(self.set, key, value)

    async def adelete(self, key: str) -> None:
        """Do what :meth:`delete` does, inside an event loop."""
        await _in_thread(self.delete, key)

    def _get(self, key: str) -> Any:
        raise NotImplementedError

    def _set(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def _delete(self, key: str) -> None:
        raise NotImplementedError

    def _attempt(self, verb: str, key: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (BadInput, StateUnavailable):
            raise
        except Exception as error:
            raise _unavailable(verb, key, error) from error


class VariableStore(StateStore):
    """Keeps values in Airflow Variables, as JSON. They hold ids and times, and no secret.

    :param description: shown with the Variable in Airflow's UI.
    """

    def __init__(self, description: str = "State of airflow-rollback-provider.") -> None:
        self._description = description
        self._probe_is_set = False

    def _get(self, key: str) -> Any:
        text = self._read(key)
        if text is None:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise BadInput(
                f"The Airflow Variable {key} is damaged ({error}). Look at the deploy history, then delete "
                "the Variable."
            ) from error

    def _set(self, key: str, value: Any) -> None:
        text = json.dumps(value)
        Variable.set(key, text, description=self._description)
        # Airflow 3.1 and 3.2 log a failed write, and go on.
        if read_variable_row is None and list_variables is None and self._value(key) != text:
            raise StateUnavailable(
                f"The Airflow Variable {key} was written and does not have the new value: Airflow's "
                "database may be away. Try again when it answers."
            )

    def _delete(self, key: str) -> None:
        Variable.delete(key)

    def _read(self, key: str) -> str | None:
        """Return the text of a Variable; None only when it is certain that there is none.

        ``Variable.get`` is not enough: when the database is away, each Airflow line logs that and goes on as
        if there were no such Variable.
        """
        if read_variable_row is not None:  # Airflow 2: the database itself
            return read_variable_row(key)
        if list_variables is not None:  # Airflow 3.3: the list fails when the database is away
            return self._require(key) if key in list_variables(key) else None
        return self._read_beside_probe(key)

    def _read_beside_probe(self, key: str) -> str | None:
        """Read on Airflow 3.1 and 3.2: "not found" is trusted between two reads of a Variable that exists."""
        if not self._probe_is_set:
            Variable.set(_PROBE, "1", description="Exists so that a failed read can be recognised.")
            self._probe_is_set = True
        for _ in range(_PROBES):
            self._require(_PROBE)
            text = self._value(key)
            if text is not None:
                return text
            time.sleep(SECONDS_BETWEEN_PROBES)
        self._require(_PROBE)
        return None

    def _require(self, key: str) -> str:
        text = self._value(key)
        if text is None:
            raise StateUnavailable(
                f"The Airflow Variable {key} exists and cannot be read: Airflow's database may be away. Try "
                "again when it answers."
            )
        return text

    @staticmethod
    def _value(key: str) -> str | None:
        text: str | None = Variable.get(key, None)  # the default has another name on Airflow 2
        return text


class TaskStateStore(StateStore):
    """Keeps values in Airflow's store of a task instance, which all tries share.

    Airflow refuses a write of a try that it has given up.

    :param accessor: ``context["task_state_store"]``.
    """

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def _get(self, key: str) -> Any:
        return self._accessor.get(key)

    def _set(self, key: str, value: Any) -> None:
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._accessor.set(key, value, retention=NEVER_EXPIRE)

    def _delete(self, key: str) -> None:
        self._accessor.delete(key)


class AssetStateStore(StateStore):
    """Keeps values in Airflow's store of an asset; only for event loops.

    One trigger may watch several assets. A value is written to all of them, so that the trigger finds it
    after one of them was removed.

    :param accessors: ``BaseEventTrigger.asset_state_store``.
    """

    def __init__(self, accessors: Any) -> None:
        from airflow.sdk.definitions.asset import AssetNameRef

        # Airflow 3.3 has no public list of the assets that a trigger watches.
        self._stores = [accessors[AssetNameRef(name)] for name in sorted(accessors._by_name)]

    async def aget(self, key: str) -> Any:
        return await self._aattempt("read", key, self._aget)

    async def aset(self, key: str, value: Any) -> None:

        async def write(key: str) -> None:
            for store in self._stores:
                await store.aset(key, value)

        await self._aattempt("write", key, write)

    async def adelete(self, key: str) -> None:

        async def delete(key: str) -> None:
            for store in self._stores:
                await store.adelete(key)

        await self._aattempt("delete", key, delete)

    async def _aget(self, key: str) -> Any:
        for store in self._stores:
            if (value := await store.aget(key)) is not None:
                return value
        return None

    async def _aattempt(self, verb: str, key: str, action: Callable[[str], Any]) -> Any:
        try:
            return await action(key)
        except Exception as error:
            raise _unavailable(verb, key, error) from error


def task_store(context: Context, description: str) -> StateStore:
    """Return the store that all tries of a task share.

    A mapped task keeps its state in Variables: Airflow's own store uses the map index, which may change when
    the run is cleared.

    :param description: shown with a Variable in Airflow's UI.
    """
    accessor = context.get("task_state_store")
    if accessor is None or getattr(context["ti"], "map_index", -1) >= 0:
        return VariableStore(description)
    return TaskStateStore(accessor)


def trigger_store(trigger: Any, description: str) -> StateStore:
    """Return the store for an event trigger.

    :param description: shown with a Variable in Airflow's UI.
    """
    accessors = getattr(trigger, "asset_state_store", None)
    return VariableStore(description) if accessors is None else AssetStateStore(accessors)


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Run in a thread of asgiref: from another thread, the triggerer of Airflow 3.1 dies (see ``compat``)."""
    from asgiref.sync import sync_to_async

    return await sync_to_async(function)(*args)


def _unavailable(verb: str, key: str, error: Exception) -> StateUnavailable:
    return StateUnavailable(
        f"Could not {verb} {key!r} in Airflow ({type(error).__name__}: {error}). Airflow's database may be "
        "away, or Airflow may have given this try up. Try again when it answers."
    )
