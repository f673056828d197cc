# SPDX-License-Identifier: Apache-2.0
"""The deploy to evaluate: the time before it and the time after it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_rollback_provider.domain.deploys import Deploy
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.health.case import case_of
from airflow_rollback_provider.health.rule import HealthRule
from tests.support.builders import BAD, GOING, NOW, Counted, deploy, history, rollback
from tests.support.health_cases import LANDED, case

RULE = HealthRule()


def test_periods_do_not_overlap() -> None:
    """The baseline ends when the deploy begins, the horizon begins when it has landed."""
    what = case(rule={"baseline": 7200, "horizon": 3600}, before_until=LANDED - timedelta(minutes=9))
    assert (what.before.begin, what.before.end) == (LANDED - timedelta(minutes=129), what.before_until)
    assert (what.since.begin, what.since.end) == (LANDED, LANDED + timedelta(hours=1))


@pytest.mark.parametrize(("horizon", "settled"), [(7200, 300), (120, 60)])
def test_the_time_to_settle(horizon: int, settled: int) -> None:
    """It is five minutes, but no more than half the horizon."""
    what = case(rule={"horizon": horizon, "outage_tolerance": 0})
    assert what.settled_at == LANDED + timedelta(seconds=settled)


def test_a_deploy_is_compared_with_the_time_before_it() -> None:
    """The horizon begins after it has landed; the time before ends when it began."""
    one = deploy("one", 3)
    two = deploy("two", 1, updated_at=NOW - timedelta(days=1) + timedelta(minutes=7))
    what = case_of(two, history(one, two), RULE)
    assert what.landed_at == two.updated_at
    assert what.before_until == two.created_at
    assert what.trusted_from == one.created_at
    assert what.superseded_at is None
    assert (what.deployment_id, what.deploy_id) == ("dep", "two")


@pytest.mark.parametrize("minutes", [None, -5, 60 * 24])
def test_a_row_that_was_updated_later(minutes: int | None) -> None:
    """An update that cannot be the landing is ignored."""
    began = NOW - timedelta(days=2)
    updated = None if minutes is None else began + timedelta(minutes=minutes)
    one = deploy("one", 2, updated_at=updated)
    assert case_of(one, history(one), RULE).landed_at == one.created_at


def test_the_first_deploy() -> None:
    """No deploy before it can be trusted."""
    one = deploy("one")
    assert case_of(one, history(one), RULE).trusted_from is None


def test_a_rollback_is_compared_with_the_time_of_its_target() -> None:
    """It is compared neither with the bad deploys nor with failed ones."""
    good, broken = deploy("good", 9), deploy("broken", 8, status=BAD)
    bad, worse = deploy("bad", 6), deploy("worse", 5)
    undo = rollback("undo", good, 4)
    what = case_of(undo, history(good, broken, bad, worse, undo), RULE)
    assert what.before_until == bad.created_at
    assert what.trusted_from == good.created_at
    assert what.landed_at == undo.created_at


@pytest.mark.parametrize("target", [deploy("gone", 300), deploy("one", 6)], ids=["gone", "predecessor"])
def test_a_rollback_that_undid_no_known_deploy(target: Deploy) -> None:
    """It is compared with the time right before it."""
    undo = rollback("undo", target, 4)
    assert case_of(undo, history(deploy("one", 6), undo), RULE).before_until == undo.created_at


@pytest.mark.parametrize(("status", "superseded"), [(BAD, False), (GOING, True)])
def test_later_deploys(status: object, superseded: bool) -> None:
    """A deploy in progress supersedes this one; a failed deploy does not."""
    one, two = deploy("one", 3), deploy("two", 2)
    after = deploy("after", 1, status=status)
    what = case_of(two, history(one, two, after), RULE)
    assert what.superseded_at == (after.created_at if superseded else None)


def test_the_first_later_deploy_counts() -> None:
    """The deploy is superseded when the next one began, even if more followed."""
    rows = [deploy(name, 9 - number) for number, name in enumerate("abcd")]
    assert case_of(rows[1], history(*rows), RULE).superseded_at == rows[2].created_at


def test_no_more_of_the_history_is_read_than_needed() -> None:
    """Older pages of a long history are not read."""
    rows = [deploy(f"d{number}", number) for number in range(50)]
    counted = Counted(rows)
    case_of(rows[1], History(counted), RULE)
    assert counted.taken == 3
