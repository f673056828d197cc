# SPDX-License-Identifier: Apache-2.0
"""The histories of the seeded Deployments: realistic months of deploys, the same in every run.

Each long history ends alike, so that tests can count on it: a good deploy, a good deploy, a failed one, and
the good deploy that runs now. ``previous`` is therefore the third row from the top.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.factories import Draft, RowMaker, from_drafts

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOUR = 3600.0
_DAY = 24 * _HOUR

_WHO = ("github-actions", "ana.silva", "github-actions", "bo.lindqvist", "github-actions", "chidi.okafor")
_WHY = (
    "Nightly load: retry the export step",
    "Bump the warehouse client",
    None,
    "New Dag for supplier invoices",
    "Fix time zone in the settlement report",
    "Split the orders Dag in two",
    "Refresh dependencies",
    "Alert when the ledger is late",
)


def _commit(key: str, number: int) -> str:
    return hashlib.sha1(f"{key}/{number}".encode(), usedforsecurity=False).hexdigest()


def _months(key: str, mechanism: str, runtimes: Sequence[str]) -> list[Draft]:
    """Return about four months of deploys that pass through the Runtimes, one after the other."""
    count, days = 44, 118.0
    drafts = []
    for number in range(count):
        runtime = runtimes[number * len(runtimes) // count]
        age = (days - number * (days - 6) / count) * _DAY
        drafts.append(_usual(key, mechanism, number, age, runtime))
    return _with_oddities(drafts, mechanism)


def _usual(key: str, mechanism: str, number: int, age: float, runtime: str) -> Draft:
    by_hand = number % 7 == 3
    dag_only = mechanism == "dag_deploy" and number % 3 != 0
    return Draft(
        age=age,
        type="DAG_ONLY"
        if dag_only
        else "IMAGE_ONLY"
        if mechanism in ("git_sync", "volume")
        else "IMAGE_AND_DAG",
        runtime=None if dag_only else runtime,
        author=_WHO[number % len(_WHO)],
        description=_WHY[number % len(_WHY)],
        commit=None if by_hand else _commit(key, number),
    )


def _with_oddities(drafts: list[Draft], mechanism: str) -> list[Draft]:
    """Put failures, a rollback and rows of unusual kinds into the middle of a history."""
    failure = "helm upgrade failed: timed out waiting for the condition"
    for number in (9, 23, 35):
        drafts[number] = replace(drafts[number], outcome="FAILED", reason=failure)
    drafts[27] = replace(drafts[27], shows_runtime=False, author="ana.silva", commit=None)
    drafts[31] = replace(drafts[31], type="CONFIG_SYNC", description="Platform maintenance", commit=None)
    if mechanism != "volume":
        scope = "IMAGE" if mechanism == "git_sync" else "IMAGE_AND_DAGS"
        kind = "IMAGE_ONLY" if scope == "IMAGE" else "IMAGE_AND_DAG"
        undo = Draft(age=drafts[20].age, type=kind, rollback_to=18, scope=scope, author="bo.lindqvist")
        drafts[20] = replace(
            undo, description="Orders Dag fails since this morning, back to the last good one"
        )
    return drafts


def _ending(key: str, mechanism: str, runtime: str, target: str | None = None) -> list[Draft]:
    """Return the four latest deploys: two succeeded ones, a failed one, and the running one."""
    kind = "IMAGE_ONLY" if mechanism in ("git_sync", "volume") else "IMAGE_AND_DAG"
    before = target or runtime

    def draft(age: float, tag: str, version: str, why: str, outcome: str = "DEPLOYED") -> Draft:
        reason = "helm upgrade failed: image pull back-off" if outcome == "FAILED" else None
        commit = _commit(key, int(age))
        return Draft(
            age, kind, version, tag=tag, description=why, outcome=outcome, reason=reason, commit=commit
        )

    return [
        draft(4 * _DAY, "release-41", before, "Release 41"),
        draft(3 * _DAY, "release-42", before, "Release 42"),
        draft(30 * _HOUR, "release-43", runtime, "Release 43", "FAILED"),
        draft(2 * _HOUR, "release-44", runtime, "Release 44"),
    ]


def long(key: str, mechanism: str, *runtimes: str) -> RowMaker:
    """Return the maker of a history of months that passes through the Runtimes."""
    return from_drafts(lambda: _months(key, mechanism, runtimes) + _ending(key, mechanism, runtimes[-1]))


def moved() -> list[Draft]:
    """Return a history that went from Airflow 2 to 3 a few days ago."""
    key, mechanism = "moved-to-af3", "dag_deploy"
    return _months(key, mechanism, ("12.1.0", "12.7.1", "13.2.0")) + _ending(
        key, mechanism, "3.1-12", "13.2.0"
    )


def in_3_0() -> list[Draft]:
    """Return a history inside the Runtimes that cannot be rolled back, after one in Airflow 2."""
    older = _months("runtime-3-0", "image", ("12.7.1", "13.0.0"))
    return older + _ending("runtime-3-0", "image", "3.0-4", "3.0-1")


def after_rollback() -> list[Draft]:
    """Return D1, D2, D3 and a rollback to D2: D2's content runs, and ``previous`` is D1."""
    plain = [
        Draft(age=(9 - number) * _DAY, tag=f"release-{number}", author="ana.silva") for number in (1, 2, 3)
    ]
    plain[0] = replace(plain[0], runtime="3.1-12")
    return [
        *plain,
        Draft(age=_DAY, rollback_to=1, author="bo.lindqvist", description="Release 3 loses orders"),
    ]


def one() -> list[Draft]:
    """Return a single deploy."""
    return [Draft(age=_DAY)]


def failures() -> list[Draft]:
    """Return deploys of which none succeeded."""
    return [
        Draft(age=(5 - number) * _DAY, outcome="FAILED", reason="image build has no entry point")
        for number in range(4)
    ]


def dormant() -> list[Draft]:
    """Return deploys that are all older than the retention."""
    return [Draft(age=days * _DAY, description="Before the freeze") for days in (150, 120)]


def legacy() -> list[Draft]:
    """Return a history that begins before the first Runtime that can be rolled back."""
    runtimes = ("4.2.8", "5.0.0")
    return _months("legacy-af2", "image", runtimes) + _ending("legacy-af2", "image", "7.6.0", "5.4.0")
