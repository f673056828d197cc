# SPDX-License-Identifier: Apache-2.0
"""The parameters of the health check. Each has a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from airflow_rollback_provider.domain.arguments import count, seconds
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.jsonable import JsonDataclass


@dataclass(frozen=True)
class HealthRule(JsonDataclass):
    """Defines when a deploy is a regression. Durations are timedeltas or numbers of seconds.

    :param outage_tolerance: an outage of something outside that is shorter than this is no regression.
    :param horizon: from the landing to the last verdict; earlier verdicts need all of their evidence.
    :param false_alarms: largest probability of a false alarm, if runs fail independently of each other.
    :param baseline: length of the time before the deploy whose runs are the past of each Dag.
    :param critical_failures: runs of a critical Dag after the deploy that must have failed, all of them.
    :param run_types: types of Dag runs that count.
    :param waiting_operators: operators that wait for another Dag: a run in which no other task failed does
        not count.
    """

    outage_tolerance: timedelta = timedelta(minutes=30)
    horizon: timedelta = timedelta(hours=2)
    false_alarms: float = 0.001
    baseline: timedelta = timedelta(hours=24)
    critical_failures: int = 2
    run_types: tuple[str, ...] = ("scheduled",)
    waiting_operators: tuple[str, ...] = ("ExternalTaskSensor",)

    def __post_init__(self) -> None:
        for name in ("outage_tolerance", "horizon", "baseline"):
            duration = timedelta(seconds=seconds(getattr(self, name), f"The rule's {name}"))
            object.__setattr__(self, name, duration)
        for name in ("horizon", "baseline"):
            self._require(name, getattr(self, name) > timedelta(0), "must be longer than zero")
        tolerance = self.outage_tolerance
        self._require("outage_tolerance", tolerance < self.horizon, "must be shorter than the horizon")
        alarms = self.false_alarms
        is_share = isinstance(alarms, (int, float)) and 0 < alarms < 1
        self._require("false_alarms", is_share, "must be between 0 and 1")
        count(self.critical_failures, "The rule's critical_failures", least=1)

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
        if value is not None and not isinstance(value, Mapping):
            raise BadInput(f"rule is {value!r}; it must be a HealthRule or a mapping of its parameters.")
        defaults = {field.name: field.default for field in fields(cls)}
        unknown = set(value or ()) - defaults.keys()
        if unknown:
            raise BadInput(
                f"The rule has no {', '.join(sorted(map(repr, unknown)))}. It has: {', '.join(defaults)}."
            )
        given: dict[str, Any] = dict(value or {})
        for name, item in given.items():
            if isinstance(defaults[name], tuple):
                given[name] = _texts(name, item)
        return cls(**given)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise BadInput(f"The rule's {name} is {value!r}; it must be a tuple.")
    return tuple(value)
