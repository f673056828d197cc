# SPDX-License-Identifier: Apache-2.0
"""The compatibility table: between which versions a Deployment can be rolled back.

The rules are data. The first rule whose condition holds decides. The last rule covers all undocumented paths,
so every pair of versions has a verdict, and every verdict has a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.versions import RuntimeVersion, Versions

_DOCS = 'Astronomer documentation, "Roll back an image deploy on Astro Private Cloud"'
_TABLE = f"{_DOCS}, table of supported paths"
# For Airflow 2 the table prints "Astro Runtime 2.3.0"; that is the Airflow version in Runtime 5.0.0.
_TEXT = f"{_DOCS}, text"

_FIRST_GOOD_RUNTIME_3 = RuntimeVersion.parse("3.1-2")
_FIRST_BAD_RUNTIME_3 = RuntimeVersion.parse("3.0-1")
_FIRST_GOOD_RUNTIME_2 = RuntimeVersion.parse("5.0.0")
_FIRST_GOOD_AIRFLOW_2 = (2, 3)
_RUNTIME_2_TARGETS = (12, 13)
_AIRFLOW_2_TARGETS = ((2, 10), (2, 11))


@dataclass(frozen=True)
class PlanWarning:
    """A warning for the user before a rollback.

    :param code: stable name, part of the public interface.
    :param message: the text for the user.
    :param severe: whether data is lost, work is interrupted, or a bad release comes back.
    """

    code: str
    message: str
    severe: bool = False


@dataclass(frozen=True)
class Verdict(JsonDataclass):
    """Whether the versions allow a rollback, and why.

    :raises ValueError: without a code, a reason or a source.
    """

    allowed: bool
    code: str
    reason: str
    source: str
    warnings: tuple[PlanWarning, ...] = ()

    def __post_init__(self) -> None:
        if not all(text and text.strip() for text in (self.code, self.reason, self.source)):
            raise ValueError("A verdict needs a code, a reason and a source.")


Condition = Callable[[Versions, Versions], bool]


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    :param code: stable name, part of the public interface.
    :param allows: whether the rule allows the rollback.
    :param applies: condition on the source, which runs now, and the target.
    :param message: the reason; ``{source}`` and ``{target}`` stand for the two versions.
    :param origin: source of the rule.
    """

    code: str
    allows: bool
    applies: Condition
    message: str
    origin: str = _TABLE


def _either(condition: Callable[[Versions], bool]) -> Condition:
    return lambda source, target: condition(source) or condition(target)


def _both(condition: Callable[[Versions], bool]) -> Condition:
    return lambda source, target: condition(source) and condition(target)


def _path(source_major: int, target_major: int) -> Condition:
    return lambda source, target: (source.airflow_major, target.airflow_major) == (source_major, target_major)


def _when(*conditions: Condition) -> Condition:
    return lambda source, target: all(condition(source, target) for condition in conditions)


def _not_known(versions: Versions) -> bool:
    return not versions.known


def _never_rolled_back(versions: Versions) -> bool:
    if versions.runtime is not None:
        return _FIRST_BAD_RUNTIME_3 <= versions.runtime < _FIRST_GOOD_RUNTIME_3
    return versions.airflow_series == (3, 0)


def _revision_decides(versions: Versions) -> bool:
    return versions.runtime is None and versions.airflow_series == (3, 1)


def _recent_airflow_2(versions: Versions) -> bool:
    if versions.runtime is not None:
        return versions.runtime >= _FIRST_GOOD_RUNTIME_2
    return versions.airflow_series is not None and versions.airflow_series >= _FIRST_GOOD_AIRFLOW_2


def _target_of_airflow_3(_source: Versions, target: Versions) -> bool:
    if target.runtime is not None:
        return target.runtime.airflow_major == 2 and target.runtime.numbers[0] in _RUNTIME_2_TARGETS
    return target.airflow_series in _AIRFLOW_2_TARGETS


RULES: tuple[Rule, ...] = (
    Rule(
        "VERSION-NOT-KNOWN",
        False,
        _either(_not_known),
        "Both versions must be known to check whether the rollback is supported: {source} → {target}.",
        "this package: a version is never guessed",
    ),
    Rule(
        "RUNTIME-3.0-1-TO-3.1-1",
        False,
        _either(_never_rolled_back),
        "Runtimes 3.0-1 to 3.1-1 can be neither the source nor the target of a rollback: "
        "{source} → {target}.",
    ),
    Rule(
        "AIRFLOW-2-TO-3",
        False,
        _path(2, 3),
        "A rollback cannot go from Airflow 2 to Airflow 3, which is an upgrade: {source} → {target}.",
    ),
    Rule(
        "RUNTIME-REVISION-NOT-KNOWN",
        False,
        _either(_revision_decides),
        "Airflow 3.1 comes in Runtime 3.1-1, which takes no part in rollbacks, and in later ones, which do; "
        "only the Airflow version is known: {source} → {target}.",
        "this package: a version is never guessed",
    ),
    Rule(
        "AIRFLOW-3-TO-3",
        True,
        _path(3, 3),
        "Rollbacks within Airflow 3 are supported from Runtime 3.1-2 on: {source} → {target}.",
    ),
    Rule(
        "AIRFLOW-3-TO-2",
        True,
        _when(_path(3, 2), _target_of_airflow_3),
        "Rollbacks from Airflow 3 to Runtime 12 and 13 are supported from Runtime 3.1-2 on: "
        "{source} → {target}.",
    ),
    Rule(
        "AIRFLOW-3-TO-OLD-2",
        False,
        _path(3, 2),
        "From Airflow 3 only Runtime 12.x and 13.x can be rolled back to: {source} → {target}.",
    ),
    Rule(
        "AIRFLOW-2-TO-2",
        True,
        _when(_path(2, 2), _both(_recent_airflow_2)),
        "Rollbacks within Airflow 2 are supported from Runtime 5.0.0 (Airflow 2.3.0) on: "
        "{source} → {target}.",
        _TEXT,
    ),
    Rule(
        "AIRFLOW-2-TOO-OLD",
        False,
        _path(2, 2),
        "Within Airflow 2 both sides must be Runtime 5.0.0 (Airflow 2.3.0) or later: {source} → {target}.",
        _TEXT,
    ),
    Rule(
        "PATH-NOT-LISTED",
        False,
        lambda _source, _target: True,
        "No documented path leads from {source} to {target}.",
    ),
)


def check(source: Versions, target: Versions) -> Verdict:
    """Check whether a Deployment can be rolled back between two versions.

    :param source: the versions that the Deployment runs now.
    :param target: the versions that it would run afterwards.
    :return: the verdict of the first rule that applies, with warnings if it allows the rollback.
    """
    rule = next(rule for rule in RULES if rule.applies(source, target))
    reason = rule.message.format(source=source, target=target)
    warnings = version_warnings(source, target) if rule.allows else ()
    return Verdict(rule.allows, rule.code, reason, rule.origin, warnings)


def crosses_airflow_major(source: Versions, target: Versions) -> bool:
    """Return whether the rollback goes from Airflow 3 to Airflow 2."""
    return (source.airflow_major, target.airflow_major) == (3, 2)


def version_warnings(source: Versions, target: Versions) -> tuple[PlanWarning, ...]:
    """Return the warnings about going from one version to another, gravest first."""
    warnings: list[PlanWarning] = []
    if crosses_airflow_major(source, target):
        warnings += _CROSS_MAJOR
    if target.is_older_than(source) is not False:
        warnings += _DOWNGRADE
    else:
        warnings.append(_NO_DOWNGRADE)
    if source.airflow_major == 3:
        warnings.append(_API_SERVER)
    return tuple(warnings)


def restricted_runtime(target: Versions, restricted: Collection[RuntimeVersion]) -> tuple[PlanWarning, ...]:
    """Return the warning about a target Runtime that the platform restricts because of major bugs.

    :param target: the versions that the Deployment would run afterwards.
    :param restricted: the Runtime versions that the platform restricts.
    """
    if target.runtime is None or target.runtime not in restricted:
        return ()
    message = f"{target} is restricted: it has major bugs. Choose another target if there is one."
    return (PlanWarning("RESTRICTED-RUNTIME", message, severe=True),)


_CROSS_MAJOR = (
    PlanWarning(
        "DAGS-DO-NOT-CARRY-OVER",
        "Dags written for Airflow 3 do not run on Airflow 2: roll the Dags back too.",
        severe=True,
    ),
    PlanWarning(
        "SCHEMA-MIGRATION",
        "A rollback from Airflow 3 to Airflow 2 takes longer: the schema of the metadata database is "
        "migrated.",
    ),
)
_DOWNGRADE = (
    PlanWarning(
        "DATA-ERASED",
        "Data of features that the target Runtime lacks is erased from the metadata database and cannot be "
        "recovered.",
        severe=True,
    ),
    PlanWarning(
        "RUNNING-TASKS-FAIL",
        "All running tasks fail at once; tasks with retries left are retried after the rollback.",
        severe=True,
    ),
)
_NO_DOWNGRADE = PlanWarning(
    "RUNNING-TASKS-GO-ON",
    "Running tasks go on with the code that they started with; the Runtime is not downgraded.",
)
_API_SERVER = PlanWarning(
    "API-SERVER-REPLACED",
    "The Airflow 3 API server is replaced during the rollback; workers may miss heartbeats meanwhile.",
)
