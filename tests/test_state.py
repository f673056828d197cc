# SPDX-License-Identifier: Apache-2.0
"""The stores: a failed read is an error on each Airflow line, and never "nothing is kept"."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider import state
from airflow_rollback_provider.compat import AIRFLOW_3, Variable
from airflow_rollback_provider.domain.errors import BadInput, StateUnavailable
from airflow_rollback_provider.state import (
    AssetStateStore,
    StateStore,
    TaskStateStore,
    VariableStore,
    task_store,
    trigger_store,
)
from tests.support.task_run import TaskInstance

KEY = "rollback_choice_abc"


@dataclass
class Airflow:
    """Airflow's Variables in the task's process. The tests in ``tests/airflow`` use Airflow's own.

    :param kept: what the database holds.
    :param failing: the next so many reads find the database away.
    """

    kept: dict[str, str] = field(default_factory=dict)
    failing: int = 0
    swallows: bool = False

    def get(self, key: str, default: Any, /) -> Any:
        """Return the default where there is no such Variable, and also where the database is away."""
        if self._is_away():
            return default
        return self.kept.get(key, default)

    def set(self, key: str, value: str, *, description: str) -> None:
        """Keep a value; fail when the database is away. Airflow 3.1 and 3.2 log that, and go on."""
        assert description
        if self._is_away():
            if self.swallows:
                return
            raise ConnectionError("500")
        self.kept[key] = value

    def delete(self, key: str, /) -> None:
        """Keep a value no more; no error if there is none."""
        self.kept.pop(key, None)

    def list(self, prefix: str) -> list[str]:
        """Return the keys; fail when the database is away."""
        if self._is_away():
            raise ConnectionError("500")
        return [key for key in self.kept if key.startswith(prefix)]

    def row(self, key: str) -> str | None:
        """Return what is in the row; fail when the database is away."""
        if self._is_away():
            raise ConnectionError("server closed the connection")
        return self.kept.get(key)

    def _is_away(self) -> bool:
        self.failing -= 1
        return self.failing >= 0


@pytest.fixture(params=["2.10 to 2.11", "3.1 to 3.2", "3.3"])
def airflow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    """The means that each Airflow line has."""
    airflow = Airflow()
    monkeypatch.setattr(state, "Variable", airflow)
    monkeypatch.setattr(state, "SECONDS_BETWEEN_PROBES", 0.0)
    airflow.swallows = request.param.startswith("3.1")
    two, three = request.param.startswith("2"), request.param == "3.3"
    monkeypatch.setattr(state, "read_variable_row", airflow.row if two else None)
    monkeypatch.setattr(state, "list_variables", airflow.list if three else None)
    return airflow


def test_a_value_comes_back(airflow: Airflow) -> None:
    """Under its own key alone, and the last one counts."""
    store = VariableStore("why")
    store.set(KEY, {"old": 1})
    store.set(KEY, {"a": [1, 2.5, None]})
    assert (store.get(KEY), store.get("another")) == ({"a": [1, 2.5, None]}, None)
    for _ in range(2):
        store.delete(KEY)
    assert store.get(KEY) is None


async def test_a_value_comes_back_in_an_event_loop(airflow: Airflow) -> None:
    """The same, without stopping the loop."""
    store = VariableStore()
    await store.aset(KEY, 7)
    assert await store.aget(KEY) == 7
    await store.adelete(KEY)
    assert await store.aget(KEY) is None


@pytest.mark.parametrize("kept", [{}, {KEY: "1"}], ids=["absent", "present"])
@pytest.mark.parametrize("failing", range(1, 9))
def test_a_failed_read_is_never_nothing(airflow: Airflow, kept: dict[str, str], failing: int) -> None:
    """However long the database is away: an error, or the right answer once it is back."""
    airflow.kept.update(kept)
    airflow.failing = failing
    value: Any = StateUnavailable
    with suppress(StateUnavailable):
        value = VariableStore().get(KEY)
    assert value in (StateUnavailable, 1 if kept else None)


def test_a_database_that_is_away_for_one_read(airflow: Airflow) -> None:
    """The read of the key itself fails, and everything around it works: the value is not lost."""
    airflow.kept[KEY] = "1"
    store = VariableStore()
    assert store.get("absent") is None  # on 3.1, the probe is set by now
    airflow.failing = 1
    value: Any = StateUnavailable
    with suppress(StateUnavailable):
        value = store.get(KEY)
    assert value in (StateUnavailable, 1)


def test_a_failed_write_is_an_error(airflow: Airflow) -> None:
    """Nothing may be sent then."""
    airflow.failing = 1
    with pytest.raises(StateUnavailable, match=rf"{KEY}.*may be away") as caught:
        VariableStore().set(KEY, 1)
    assert caught.value.retryable


@pytest.mark.parametrize("text", ["", "{", "no JSON"])
def test_a_damaged_value_is_not_taken_for_none(airflow: Airflow, text: str) -> None:
    """The error names the Variable."""
    airflow.kept[KEY] = text
    with pytest.raises(BadInput, match=KEY):
        VariableStore().get(KEY)


def test_airflows_own_variables_take_the_same_arguments() -> None:
    """The fake above has the signature of Airflow's class."""
    import inspect

    inspect.signature(Variable.get).bind(KEY, None)
    inspect.signature(Variable.set).bind(KEY, "1", description="why")
    inspect.signature(Variable.delete).bind(KEY)
    if hasattr(Variable, "keys"):
        inspect.signature(Variable.keys).bind(prefix=KEY)
    assert (vars(state)["read_variable_row"] is None) is AIRFLOW_3


@dataclass
class Accessor:
    """Airflow's store of a task instance or of an asset."""

    kept: dict[str, Any] = field(default_factory=dict)
    retentions: list[Any] = field(default_factory=list)
    fails: bool = False

    def get(self, key: str) -> Any:
        """Return a value."""
        if self.fails:
            raise RuntimeError("API_SERVER_ERROR")
        return self.kept.get(key)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        """Keep a value."""
        if self.fails:
            raise RuntimeError("404: Task instance not found")
        self.kept[key] = json.loads(json.dumps(value))
        self.retentions.append(retention)

    def delete(self, key: str) -> None:
        """Keep a value no more."""
        self.kept.pop(key, None)

    async def aget(self, key: str) -> Any:
        """Return a value."""
        return self.get(key)

    async def aset(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.set(key, value)

    async def adelete(self, key: str) -> None:
        """Keep a value no more."""
        self.delete(key)


needs_stores = pytest.mark.skipif(
    not hasattr(Variable, "keys"), reason="Airflow has its own state stores from 3.3 on"
)


@needs_stores
def test_the_store_of_a_task() -> None:
    """A value never expires before the run does, and a write that Airflow refuses is an error."""
    accessor = Accessor()
    store = TaskStateStore(accessor)
    store.set(KEY, {"a": 1})
    assert (store.get(KEY), accessor.retentions) == ({"a": 1}, [timedelta.max])
    store.delete(KEY)
    assert store.get(KEY) is None
    accessor.fails = True
    with pytest.raises(StateUnavailable, match="given this try up"):
        store.set(KEY, 1)
    with pytest.raises(StateUnavailable):
        store.get(KEY)


class Accessors(dict[str, Accessor]):
    """The stores of the assets that a trigger watches."""

    @property
    def _by_name(self) -> dict[str, Accessor]:
        return self

    def __getitem__(self, ref: Any) -> Accessor:
        """Return the store of one asset."""
        return super().__getitem__(getattr(ref, "name", ref))


@needs_stores
async def test_the_store_of_an_asset() -> None:
    """A trigger that watches two assets keeps its state in both, and goes on when one of them goes."""
    accessors = Accessors(a=Accessor(), b=Accessor())
    store = AssetStateStore(accessors)
    await store.aset(KEY, 1)
    del accessors["a"]
    store = AssetStateStore(Accessors(**accessors, c=Accessor()))
    assert await store.aget(KEY) == 1
    accessors["b"].fails = True
    with pytest.raises(StateUnavailable):
        await store.aget(KEY)
    with pytest.raises(StateUnavailable):
        await store.aset(KEY, 2)
    await AssetStateStore(accessors).adelete(KEY)
    assert accessors["b"].kept == {}


@needs_stores
def test_airflows_own_stores_are_called_as_they_can_be() -> None:
    """The fakes above have the signatures of Airflow's stores, whose list of assets has no public name."""
    import inspect

    from airflow.sdk.definitions.asset import Asset
    from airflow.sdk.execution_time.context import (
        AssetStateStoreAccessors,
        TaskStateStoreAccessor,
    )

    accessors = AssetStateStoreAccessors(
        inlets=[Asset(name="a", uri="s3://a"), Asset(name="b", uri="s3://b")]
    )
    assert len(AssetStateStore(accessors)._stores) == 2
    inspect.signature(TaskStateStoreAccessor.set).bind(None, KEY, 1, retention=None)


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        ({"ti": TaskInstance()}, VariableStore),
        ({"ti": TaskInstance(), "task_state_store": Accessor()}, TaskStateStore),
        ({"ti": TaskInstance(map_index=0), "task_state_store": Accessor()}, VariableStore),
    ],
    ids=["before 3.3", "3.3", "mapped"],
)
def test_the_store_that_fits(context: Any, kind: type[StateStore]) -> None:
    """A mapped task's place in the list may change, and Airflow's own store goes by that."""
    assert type(task_store(context, "why")) is kind


@needs_stores
def test_the_store_that_fits_a_trigger() -> None:
    """Airflow hands a trigger the stores of the assets that it watches."""
    assert type(trigger_store(SimpleNamespace(asset_state_store=Accessors()), "why")) is AssetStateStore
    assert type(trigger_store(SimpleNamespace(), "why")) is VariableStore
