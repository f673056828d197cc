# SPDX-License-Identifier: Apache-2.0
"""The numbers of the health check. Each has a default and can be set."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.jsonable import JsonDataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class HealthRule(JsonDataclass):
    """Defines when a deploy is a regression. Durations are timedeltas; :meth:`read` takes numbers as seconds.

    :param before: length of the time before the deploy whose runs are compared.
    :param grace: from the landing of the deploy to the first window, while pods restart and Dags are parsed.
    :param window: length of a window after the deploy. A window with two runs of the usual Dag finds
        regressions that a shorter one misses.
    :param windows: number of windows.
    :param settling_time: from the end of the last window to the verdict, for runs that started in it to end.
    :param consecutive_windows: windows in a row that must be significant.
    :param significance: largest p-value of Fisher's exact test, one-sided, that is significant.
    :param broken_dags: least number of Dags that worked before and now fail every run in those windows.
    :param worked_before: least share of successful runs before the deploy for a Dag that worked.
    :param min_runs: runs that must count, before the deploy and in each window, for a verdict from runs.
    :param critical_failures: runs of a critical Dag after the deploy that must have failed, all of them.
    :param run_types: types of Dag runs that count.
    :param waiting_operators: operators that wait for another Dag: a run in which no other task failed does
        not count.
    """

    before: timedelta = timedelta(hours=24)
    grace: timedelta = timedelta(minutes=5)
    window: timedelta = timedelta(hours=1)
    windows: int = 2
    settling_time: timedelta = timedelta(minutes=10)
    consecutive_windows: int = 2
    significance: float = 0.01
    broken_dags: int = 2
    worked_before: float = 0.5
    min_runs: int = 10
    critical_failures: int = 2
    run_types: tuple[str, ...] = ("scheduled",)
    waiting_operators: tuple[str, ...] = ("ExternalTaskSensor",)

    def __post_init__(self) -> None:
        for name in ("before", "window"):
            self._require(name, getattr(self, name) > timedelta(0), "must be longer than zero")
        for name in ("grace", "settling_time"):
            self._require(name, getattr(self, name) >= timedelta(0), "must not be negative")
        for name in ("consecutive_windows", "broken_dags", "min_runs", "critical_failures"):
            self._require(name, getattr(self, name) >= 1, "must be at least 1")
        self._require(
            "windows", self.windows >= self.consecutive_windows, "must be at least consecutive_windows"
        )
        self._require("significance", 0 < self.significance < 1, "must be between 0 and 1")
        self._require("worked_before", 0 < self.worked_before <= 1, "must be greater than 0 and at most 1")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise BadInput(f"The rule's {name} is {getattr(self, name)!r}; it {what}.")

    @classmethod
    def read(cls, value: HealthRule | Mapping[str, Any] | None) -> HealthRule:
        """Return a rule unchanged, or read one from a mapping of the values that differ from the defaults.

        :raises BadInput: when a name is unknown or a value cannot be used.
        """
        if isinstance(value, HealthRule):
            return value
        kinds = {field.name: type(field.default) for field in fields(cls)}
        unknown = set(value or ()) - kinds.keys()
        if unknown:
            raise BadInput(
                f"The rule has no {', '.join(sorted(map(repr, unknown)))}. It has: {', '.join(kinds)}."
            )
        return cls(**{name: _read(name, kinds[name], item) for name, item in (value or {}).items()})


def _read(name: str, kind: type, value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is timedelta and number:
        return timedelta(seconds=value)
    if kind is tuple and isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is float and number:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise BadInput(f"The rule's {name} is {value!r}; it must be a {kind.__name__}.")
    return value
