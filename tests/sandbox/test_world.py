# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.errors import Refused
from airflow_rollback_provider.sandbox.factories import Draft, from_drafts, make_deployment
from airflow_rollback_provider.sandbox.model import Deploy, Deployment, make_id
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


def test_a_rollback_can_be_made_to_fail(world: World, clock: Clock, mine: Deployment) -> None:
    """A failed rollback changes nothing, and has a reason only at its end."""
    world.settings.update({"next_rollbacks": [{"outcome": "FAILED", "seconds": 1, "reason": "no nodes"}]})
    row = roll_back(world, mine, mine.history.rows[0])
    clock.advance(1)
    assert (row.status(clock.now()), row.failure) == ("FAILED", "no nodes")
    assert (mine.running(clock.now()).image_tag, world.status(mine)) == ("two", "UNHEALTHY")
    assert world.settings.next_rollbacks == []


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


def test_a_second_rollback_supersedes_the_first(world: World, clock: Clock, add: Add) -> None:
    """By default nothing stops a second one, and the newer row runs in the end."""
    deployment = add(*(Draft((4 - number) * DAY, tag=f"t{number}") for number in range(3)))
    world.settings.update({"next_rollbacks": [{"seconds": 60}, {"seconds": 1}]})
    roll_back(world, deployment, deployment.history.rows[0])
    roll_back(world, deployment, deployment.history.rows[1])
    clock.advance(1)
    assert deployment.running(clock.now()).image_tag == "t1"
    clock.advance(60)
    assert deployment.running(clock.now()).image_tag == "t1"


def test_a_concurrent_rollback_can_be_refused(world: World, clock: Clock, mine: Deployment) -> None:
    """With the setting on, a deploy in progress keeps others out until it ends."""
    world.settings.refuse_concurrent = True
    target = mine.history.rows[0]
    roll_back(world, mine, target, "IMAGE")
    with pytest.raises(Refused, match="in progress"):
        roll_back(world, mine, target, "DAGS")
    clock.advance(3)
    assert roll_back(world, mine, target, "DAGS").scope == "DAGS"


def test_rows_older_than_the_retention_are_gone(world: World, clock: Clock, mine: Deployment) -> None:
    """Rows older than 90 days are not listed; the running content stays."""
    clock.advance(88.5 * DAY)
    assert [row.content.image_tag for row in world.listed(mine)] == ["two"]
    clock.advance(DAY)
    assert list(world.listed(mine)) == []
    assert mine.running(clock.now()).image_tag == "two"
    world.settings.retention_days = 365.0
    assert len(list(world.listed(mine))) == 2


def test_a_cursor_stays_valid_while_rows_are_added_and_removed(world: World, clock: Clock, add: Add) -> None:
    """Pages neither repeat nor skip a row when others come on top or the row of the cursor itself goes."""
    deployment = add(*(Draft((20 - number) * DAY, tag=f"t{number}") for number in range(10)))
    first = world.page(deployment, 4, None, None)
    roll_back(world, deployment, deployment.history.rows[0])
    first[-1].purged = True
    second = world.page(deployment, 4, first[-1].id, None)
    deployment.history.rows[1].purged = True
    third = world.page(deployment, 4, second[-1].id, None)
    tags = [row.content.image_tag for page in (first, second, third) for row in page]
    assert tags == ["t9", "t8", "t7", "t6", "t5", "t4", "t3", "t2", "t0"]


@pytest.mark.parametrize(("take", "expected"), [(None, 101), (500, 101), (101, 101), (7, 7), (0, 0), (-3, 0)])
def test_a_page_has_at_most_101_rows(world: World, take: int | None, expected: int) -> None:
    """Asking for more gets 101; no limit gives the maximum."""
    deployment = next(item for item in world.deployments.values() if item.key == "ten-thousand")
    assert len(world.page(deployment, take, None, None)) == expected


def test_pages_can_be_numbered(world: World) -> None:
    """Page numbers count from one and give way to a cursor."""
    deployment = next(item for item in world.deployments.values() if item.key == "ten-thousand")
    rows = deployment.history.rows
    assert world.page(deployment, 10, None, 1)[0] is rows[-1]
    assert world.page(deployment, 10, None, 3)[0] is rows[-21]
    assert world.page(deployment, 10, rows[-1].id, 3)[0] is rows[-2]


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


def test_an_unknown_cursor_is_refused(world: World, mine: Deployment) -> None:
    """A cursor from elsewhere is an error, not an empty page."""
    with pytest.raises(Refused, match="not found"):
        world.page(mine, 5, "cnothing", None)


def test_log_lines_appear_during_the_rollback(world: World, clock: Clock, mine: Deployment) -> None:
    """Lines appear with the clock, oldest first, and can be searched and filtered by time."""
    roll_back(world, mine, mine.history.rows[0])
    early = world.log_lines(mine, since=clock.now() - timedelta(seconds=1))
    assert world.log_lines(mine, until=clock.now() - timedelta(seconds=1, days=9)) == []
    clock.advance(3)
    late = world.log_lines(mine, since=clock.now() - timedelta(seconds=4))
    assert 0 < len(early) < len(late)
    assert late == sorted(late, key=lambda line: line.timestamp)
    assert late[-1].message == "release my-release is deployed"
    assert {line.component for line in world.log_lines(mine, "helm")} == {"helm"}
    assert world.log_lines(mine, search="IS DEPLOYED")
    assert world.log_lines(mine, since=clock.now() + timedelta(seconds=1)) == []


def test_new_rows_have_the_same_ids_in_each_run(world: World, mine: Deployment) -> None:
    """Ids are deterministic, new rows' too."""
    row = roll_back(world, mine, mine.history.rows[0])
    assert row.id == make_id("new", "mine", 1)
