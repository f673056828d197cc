# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.errors import Refused
from airflow_rollback_provider.sandbox.factories import Draft, from_drafts, make_deployment
from airflow_rollback_provider.sandbox.model import Deploy, Deployment
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sandbox.world import RollbackRequest, World

Add = Callable[..., Deployment]
DAY = 86_400.0
EDITOR = TOKENS["editor"]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def roll_back(world: World, deployment: Deployment, target: Deploy, scope: str = "IMAGE_AND_DAGS") -> Deploy:
    return world.roll_back(EDITOR, RollbackRequest(deployment.id, target.id, scope, "It is broken"))


@pytest.fixture
def mine(add: Add) -> Deployment:
    """A Deployment with two deploys that differ in image, Runtime and Dag bundle."""
    return add(
        Draft(2 * DAY, runtime="3.1-8", tag="one", bundle="b1"),
        Draft(DAY, runtime="3.1-12", tag="two", bundle="b2"),
    )


def test_a_rollback_is_a_new_row_that_ends_after_its_time(
    world: World, clock: Clock, mine: Deployment
) -> None:
    """INITIALIZED at once, DEPLOYED after three seconds; until then the old content runs."""
    target = mine.history.rows[0]
    row = roll_back(world, mine, target)
    assert (row.status(clock.now()), row.rollback_from_id) == ("INITIALIZED", target.id)
    assert (mine.running(clock.now()).image_tag, world.status(mine)) == ("two", "DEPLOYING")
    clock.advance(2.9)
    assert row.status(clock.now()) == "INITIALIZED"
    clock.advance(0.1)
    assert row.status(clock.now()) == "DEPLOYED"
    assert (mine.running(clock.now()), world.status(mine)) == (target.content, "HEALTHY")
    assert next(world.listed(mine)) is row


@pytest.mark.parametrize(
    ("scope", "tag", "runtime", "bundle", "kind"),
    [
        ("IMAGE", "one", "3.1-8", "b2", "IMAGE_ONLY"),
        ("DAGS", "two", "3.1-12", "b1", "DAG_ONLY"),
        ("IMAGE_AND_DAGS", "one", "3.1-8", "b1", "IMAGE_AND_DAG"),
    ],
)
def test_only_the_parts_of_the_scope_go_back(
    world: World, clock: Clock, mine: Deployment, scope: str, tag: str, runtime: str, bundle: str, kind: str
) -> None:
    """Image, Dag bundle or both go back to the target's; the row's type shows it."""
    row = roll_back(world, mine, mine.history.rows[0], scope)
    clock.advance(3)
    running = mine.running(clock.now())
    assert (running.image_tag, running.runtime, running.dag_bundle, row.type) == (tag, runtime, bundle, kind)


def test_the_dag_deploy_setting_goes_back_too(world: World, clock: Clock, add: Add) -> None:
    """Rolling back both brings the Deployment's Dag deploy mechanism of that time back."""
    deployment = add(Draft(2 * DAY, mechanism="image"), Draft(DAY, mechanism="dag_deploy"))
    roll_back(world, deployment, deployment.history.rows[0])
    clock.advance(3)
    assert deployment.running(clock.now()).mechanism == "image"


def test_airflow_3_to_2_takes_longer(world: World, clock: Clock, add: Add) -> None:
    """The schema migrations of a change of the Airflow major take their time, and log it."""
    deployment = add(Draft(2 * DAY, runtime="13.2.0"), Draft(DAY, runtime="3.1-12"))
    row = roll_back(world, deployment, deployment.history.rows[0])
    clock.advance(3)
    assert row.status(clock.now()) == "INITIALIZED"
    clock.advance(5)
    assert row.status(clock.now()) == "DEPLOYED"
    lines = world.log_lines(deployment, "airflow-downgrade")
    assert lines[0].message.endswith("from Runtime 3.1-12 to Runtime 13.2.0")


@pytest.mark.parametrize(("take", "expected"), [(None, 101), (500, 101), (101, 101), (7, 7), (0, 0), (-3, 0)])
def test_a_page_has_at_most_101_rows(world: World, take: int | None, expected: int) -> None:
    """Asking for more gets 101; no limit gives the maximum."""
    deployment = next(item for item in world.deployments.values() if item.key == "ten-thousand")
    assert len(world.page(deployment, take, None, None)) == expected


@given(data=st.data())
def test_pages_of_any_size_make_the_whole_history(data: st.DataObject) -> None:
    """With any sizes, and with rows removed in between, no other row is lost or repeated."""
    clock = Clock(lambda: NOON)
    clock.freeze()
    drafts = [Draft((60 - number) * DAY) for number in range(data.draw(st.integers(0, 30)))]
    names: dict[str, Any] = {"label": "L", "release": "r", "runtime": "3.1-12", "mechanism": "image"}
    deployment = make_deployment("paged", from_drafts(lambda: drafts), clock.now(), **names)
    world = World(clock, [deployment])
    read: list[Deploy] = []
    vanished: set[str] = set()
    while page := world.page(deployment, data.draw(st.integers(1, 7)), read[-1].id if read else None, None):
        read += page
        for row in data.draw(st.lists(st.sampled_from(deployment.history.rows), max_size=2)):
            row.purged = True
            vanished.add(row.id)
    ids = [row.id for row in read]
    everything = [row.id for row in deployment.history.latest_first()]
    assert [row for row in ids if row not in vanished] == [row for row in everything if row not in vanished]
    assert len(set(ids)) == len(ids)


def test_a_rollback_can_be_made_to_hang_or_to_change_nothing(
    world: World, clock: Clock, mine: Deployment
) -> None:
    """One that never ends stays INITIALIZED; one that does not apply says DEPLOYED and changes nothing."""
    scripts = [
        {"deployment": "other"},
        {"seconds": None},
        {"deployment": "mine", "applies": False, "seconds": 0},
    ]
    world.settings.update({"next_rollbacks": scripts})
    hangs = roll_back(world, mine, mine.history.rows[0])
    lies = roll_back(world, mine, mine.history.rows[0])
    clock.advance(DAY)
    assert (hangs.status(clock.now()), lies.status(clock.now())) == ("INITIALIZED", "DEPLOYED")
    assert mine.running(clock.now()).image_tag == "two"
    assert world.settings.next_rollbacks == [{"deployment": "other"}]


def test_an_unknown_cursor_is_refused(world: World, mine: Deployment) -> None:
    """A cursor from elsewhere is an error, not an empty page."""
    with pytest.raises(Refused, match="not found"):
        world.page(mine, 5, "cnothing", None)
