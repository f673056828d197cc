# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.errors import Refused
from airflow_rollback_provider.sandbox.model import Deployment
from airflow_rollback_provider.sandbox.scenarios import SCENARIOS, make_world
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sandbox.versions import read_runtime
from airflow_rollback_provider.sandbox.world import RollbackRequest, World

KEYS = [
    f"{mechanism}-{airflow}"
    for mechanism in ("image", "git-sync", "dag-deploy", "volume")
    for airflow in ("af2", "af3")
]


def find(world: World, key: str) -> Deployment:
    return next(item for item in world.deployments.values() if item.key == key)


@pytest.mark.parametrize("key", KEYS)
def test_each_mechanism_exists_on_both_airflows_with_months_of_history(world: World, key: str) -> None:
    """Months of deploys by users and service accounts, with failures, unusual rows and a rollback."""
    deployment = find(world, key)
    now = world.clock.now()
    rows = list(world.listed(deployment))
    running = deployment.running(now)
    version = read_runtime(running.runtime)
    assert version is not None
    assert (running.mechanism, version.airflow_major) == (
        key.rpartition("-")[0].replace("-", "_"),
        int(key[-1]),
    )
    assert (now - rows[-1].created_at).days > 80
    assert len(rows) > 30
    assert {row.created_by.kind for row in rows} == {"user", "service_account"}
    assert "CONFIG_SYNC" in {row.type for row in rows}
    assert [row.status(now) for row in rows[:4]] == ["DEPLOYED", "FAILED", "DEPLOYED", "DEPLOYED"]
    assert not all(row.shows_runtime for row in rows)
    assert not all(row.git for row in rows)
    assert any(row.rollback_from_id for row in rows) or running.mechanism == "volume"


@pytest.mark.parametrize(
    ("key", "rows", "running"),
    [
        ("one-deploy", 1, "3.1-12"),
        ("no-deploys", 0, "3.1-12"),
        ("only-failures", 4, "3.1-12"),
        ("dormant", 0, "12.7.1"),
        ("after-rollback", 4, "3.1-12"),
        ("ten-thousand", 10_000, "3.1-12"),
    ],
)
def test_the_special_deployments(world: World, key: str, rows: int, running: str) -> None:
    """The corner cases of a history."""
    deployment = find(world, key)
    assert len(list(world.listed(deployment))) == rows
    assert deployment.running(world.clock.now()).runtime == running


def test_the_moved_deployment_can_go_back_to_airflow_2(world: World) -> None:
    """A rollback over the Airflow major is possible where it should be, and not from Runtime 3.0."""
    moved, early = find(world, "moved-to-af3"), find(world, "runtime-3-0")
    target = list(world.listed(moved))[2]
    request = RollbackRequest(moved.id, target.id, "IMAGE_AND_DAGS", "why")
    assert world.roll_back(TOKENS["editor"], request).content.runtime == "13.2.0"
    for target in list(world.listed(early))[2:]:
        with pytest.raises(Refused):
            world.roll_back(TOKENS["editor"], RollbackRequest(early.id, target.id, "IMAGE", "why"))


@pytest.mark.parametrize(
    ("scenario", "count"), [("default", 19), ("minimal", 2), ("fleet", 20), ("empty", 0)]
)
def test_each_scenario_is_the_same_in_each_run(clock: Clock, scenario: str, count: int) -> None:
    """Ids of Deployments and deploys do not change from run to run, and each is unique."""
    first, second = make_world(scenario, clock), make_world(scenario, clock)
    assert list(first.deployments) == list(second.deployments)
    assert len(first.deployments) == count
    ids = [row.id for item in first.deployments.values() for row in item.history.rows]
    assert ids == [row.id for item in second.deployments.values() for row in item.history.rows]
    assert len(set(ids)) == len(ids)


def test_an_unknown_scenario_is_an_error() -> None:
    """The error names the known ones."""
    with pytest.raises(ValueError, match=", ".join(SCENARIOS)):
        make_world("nonsense")
