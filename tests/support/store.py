# SPDX-License-Identifier: Apache-2.0
"""A store of state without Airflow. The tests in ``tests/airflow`` use Airflow's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_rollback_provider.state import StateStore


@dataclass
class DictStore(StateStore):
    """Keeps values as JSON, like Airflow's database.

    :param texts: the stored values.
    :param down: verbs that fail: ``get``, ``set``, ``delete``.
    :param delay: called before and after each access.
    :param written: all that was ever written, in its order.
    """

    texts: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    delay: Callable[[], None] = lambda: None
    written: list[tuple[str, Any]] = field(default_factory=list)

    def values(self, name: str) -> list[Any]:
        """Return what is kept under the keys that begin with ``rollback_<name>_``."""
        return [json.loads(text) for key, text in self.texts.items() if key.startswith(f"rollback_{name}_")]

    def _get(self, key: str) -> Any:
        self._access("get")
        text = self.texts.get(key)
        self.delay()
        return None if text is None else json.loads(text)

    def _set(self, key: str, value: Any) -> None:
        self._access("set")
        self.texts[key] = json.dumps(value)
        self.written.append((key, value))
        self.delay()

    def _delete(self, key: str) -> None:
        self._access("delete")
        self.texts.pop(key, None)
        self.delay()

    def _access(self, verb: str) -> None:
        self.delay()
        if verb in self.down:
            raise ConnectionError("Airflow's database is away.")


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> DictStore:
    """Airflow's stores need a worker or a database; the tests in ``tests/airflow`` use them."""
    from airflow_rollback_provider.operators.rollback import RollbackOperator

    store = DictStore()
    monkeypatch.setattr(RollbackOperator, "state_store", lambda self, context: store)
    return store
