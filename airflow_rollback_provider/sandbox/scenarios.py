# SPDX-License-Identifier: Apache-2.0
"""The initial content of the embedded platform."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.factories import RUNTIMES, make_deployment
from airflow_rollback_provider.sandbox.seeds import CASES, Case
from airflow_rollback_provider.sandbox.world import RuntimeRelease, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.sandbox.model import Deployment

FLEET_SIZE = 20


def make_world(scenario: str = "default", clock: Clock | None = None) -> World:
    """Return a fresh world.

    :param scenario: ``default`` (all Deployments), ``minimal`` (one of each Airflow), ``fleet`` (20 alike),
        ``empty``.
    :param clock: the clock; real time by default.
    :raises ValueError: if there is no such scenario.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"There is no scenario {scenario!r}; known: {', '.join(SCENARIOS)}")
    clock = clock or Clock()
    return World(clock, SCENARIOS[scenario](clock.now()), releases())


def releases() -> list[RuntimeRelease]:
    """Return the Runtimes that the installation offers; a new minor Airflow migrates the database."""
    found = []
    before = None
    for version, airflow in RUNTIMES.items():
        minor = airflow.rpartition(".")[0]
        found.append(RuntimeRelease(version, airflow, minor != before))
        before = minor
    return found


def _deployment(case: Case, now: datetime) -> Deployment:
    return make_deployment(
        case.key,
        case.rows,
        now,
        label=case.label,
        release=case.release,
        runtime=case.runtime,
        mechanism=case.mechanism,
        workspace=case.workspace,
        rollback_enabled=case.rollback_enabled,
    )


def _default(now: datetime) -> list[Deployment]:
    return [_deployment(case, now) for case in CASES.values()]


def _minimal(now: datetime) -> list[Deployment]:
    return [_deployment(CASES[key], now) for key in ("image-af3", "image-af2")]


def _fleet(now: datetime) -> list[Deployment]:
    like = CASES["dag-deploy-af3"]
    return [
        make_deployment(
            f"fleet-{number:02d}",
            like.rows,
            now,
            label=f"Fleet {number:02d}",
            release=f"fleet-ship-{number:04d}",
            runtime=like.runtime,
            mechanism=like.mechanism,
        )
        for number in range(1, FLEET_SIZE + 1)
    ]


def _empty(_: datetime) -> list[Deployment]:
    return []


SCENARIOS: dict[str, Callable[[datetime], list[Deployment]]] = {
    "default": _default,
    "minimal": _minimal,
    "fleet": _fleet,
    "empty": _empty,
}
