# SPDX-License-Identifier: Apache-2.0
"""Every deploy that comes to count is news once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.deploy_events.subscription import (
    Cursor,
    DeployFilter,
    PollResult,
    baseline,
    cursor_in,
    landed_deploys,
    sort_out,
    time_in,
    unread,
)
from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus
from airflow_rollback_provider.domain.errors import BadInput
from tests.support.builders import BAD, GOING, NOW, ODD, OK, Counted, deploy, rollback

WANTED = DeployFilter()


def look(
    rows: list[Deploy], cursor: Cursor, deploy_filter: DeployFilter = WANTED, *, only_first: bool = False
) -> PollResult:
    """One look at a history that is given oldest first."""
    newer = unread(reversed(rows), cursor)
    reread = [row for row in rows if row.id in cursor.open]
    return sort_out(cursor, newer, reread, deploy_filter, only_first=only_first)


def ids(poll_result: PollResult) -> list[str]:
    """The ids of what is news, in the order in which it is told."""
    return [one.id for one in poll_result.news]


def test_what_landed_before_is_no_news() -> None:
    """The first look only says where to begin."""
    rows = [deploy("d1", 3), deploy("d2", 2)]
    begin = baseline("dep", reversed(rows), WANTED)
    assert ids(look(rows, begin)) == []
    assert ids(look([*rows, deploy("d3", 1)], begin)) == ["d3"]


def test_what_was_on_its_way_is_news_when_it_lands() -> None:
    """Looking began while it was in progress, be it below one that was quicker."""
    rows = [deploy("slow", 4, status=GOING), deploy("d1", 3), deploy("d2", 2, status=GOING)]
    begin = baseline("dep", reversed(rows), WANTED)
    assert begin.open == ("slow", "d2")
    first = look(rows, begin)
    landed = look([rows[0], rows[1], replace(rows[2], status=OK), deploy("d3", 1)], first.cursor)
    last = look([replace(rows[0], status=OK), *rows[1:]], landed.cursor)
    assert (ids(first), ids(landed), ids(last)) == ([], ["d2", "d3"], ["slow"])


def test_an_empty_history_makes_everything_news() -> None:
    """Whatever comes to a Deployment that has never had a deploy."""
    assert ids(look([deploy("d1")], baseline("dep", [], WANTED))) == ["d1"]


def test_several_between_two_looks_come_oldest_first() -> None:
    """None is skipped because another came after it."""
    rows = [deploy(f"d{number}", 9 - number) for number in range(6)]
    assert ids(look(rows, baseline("dep", rows[:1], WANTED))) == ["d1", "d2", "d3", "d4", "d5"]


def test_the_first_alone() -> None:
    """What is behind the first one is left to the look that goes on from there: nothing is told twice."""
    rows = [deploy("d1", 9, status=GOING), *(deploy(f"d{number}", 9 - number) for number in range(2, 5))]
    begin = Cursor("dep", None, NOW - timedelta(days=20))
    one = look(rows, begin, only_first=True)
    rows[0] = replace(rows[0], status=OK)
    two = look(rows, one.cursor, only_first=True)
    three = look(rows, two.cursor)
    assert (ids(one), ids(two), ids(three)) == (["d2"], ["d1"], ["d3", "d4"])


def test_the_first_of_some_that_were_on_their_way() -> None:
    """The others that have landed stay open for the next look."""
    rows = [deploy(f"d{number}", 9 - number) for number in range(1, 5)]
    begin = Cursor("dep", "d3", rows[2].created_at, ("d1", "d2"))
    one = look(rows, begin, only_first=True)
    assert (ids(one), one.cursor) == (["d1"], replace(begin, open=("d2",)))


def test_no_further_than_needed_is_read() -> None:
    """The deploys behind the cursor are not asked for."""
    source = Counted(deploy(f"d{number}", number) for number in range(10_000))
    assert [one.id for one in unread(source, Cursor("dep", "d3", NOW - timedelta(days=3)))] == [
        "d0",
        "d1",
        "d2",
    ]
    assert source.taken == 4


def test_a_cursor_that_vanished() -> None:
    """Where the platform has deleted the latest deploy that was read, its time says what is old."""
    rows = [deploy("d1", 3), deploy("d3", 1)]
    assert ids(look(rows, Cursor("dep", "d2", NOW - timedelta(days=2)))) == ["d3"]


def test_a_time_as_the_beginning() -> None:
    """What was made at that very time is not after it."""
    rows = [deploy("d1", 3), deploy("d2", 2), deploy("d3", 1)]
    assert ids(look(rows, Cursor("dep", None, NOW - timedelta(days=2)))) == ["d3"]


@pytest.mark.parametrize(
    ("deploy_filter", "one", "fits", "may_fit"),
    [
        (WANTED, deploy("d"), True, False),
        (WANTED, deploy("d", status=BAD), False, False),
        (WANTED, deploy("d", status=GOING), False, True),
        (WANTED, deploy("d", status=ODD), False, True),
        (DeployFilter.parse(["failed"]), deploy("d", status=BAD), True, False),
        (DeployFilter.parse("in_progress"), deploy("d", status=GOING), True, True),
        (WANTED, rollback("r", deploy("d")), False, False),
        (WANTED, rollback("r", deploy("d"), status=GOING), False, False),
        (DeployFilter(rollbacks=True), rollback("r", deploy("d")), True, False),
        (DeployFilter.parse(types=["dag_only"]), deploy("d", type="DAG_ONLY"), True, False),
        (DeployFilter.parse(types=["dag_only"]), deploy("d", type="IMAGE_ONLY", status=GOING), False, False),
    ],
)
def test_what_counts(deploy_filter: DeployFilter, one: Deploy, fits: bool, may_fit: bool) -> None:
    """Status, type and whether it is a rollback decide."""
    assert (deploy_filter.fits(one), deploy_filter.may_fit(one)) == (fits, may_fit)


def test_the_order_of_names_makes_no_difference() -> None:
    """What is asked for in other words is the same."""
    assert DeployFilter.parse(["failed", "succeeded"], ["B", "a"]) == DeployFilter.parse(
        ["Succeeded", "failed", "failed"], ["A", "b"]
    )


@pytest.mark.parametrize("statuses", [[], ["done"], ["unknown"]])
def test_no_such_status(statuses: list[str]) -> None:
    """A status that no deploy can have would be waited for for ever."""
    with pytest.raises(BadInput, match="no status"):
        DeployFilter.parse(statuses)


KEPT = Cursor("dep", "d2", NOW, ("d1", "d2"))


def test_a_cursor_survives_json() -> None:
    """It is kept as text."""
    assert Cursor.from_dict(json.loads(json.dumps(KEPT.to_dict()))) == KEPT
    assert Cursor.from_text(KEPT.to_text()) == KEPT


def test_a_cursor_of_a_newer_version() -> None:
    """What is not known yet is left out."""
    assert Cursor.from_dict({**KEPT.to_dict(), "colour": "green"}) == KEPT


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"deployment_id": "dep", "open": "d1"}'])
def test_a_damaged_cursor(text: str) -> None:
    """It is no cursor, whatever it is."""
    with pytest.raises(ValueError, match=r"\w"):
        Cursor.from_text(text)


@pytest.mark.parametrize("after", [KEPT.to_text(), f" {KEPT.to_text()}", KEPT.to_dict()])
def test_a_cursor_behind_after(after: Any) -> None:
    """As text or, where templates return values, as values."""
    assert cursor_in(after) == KEPT


@pytest.mark.parametrize("after", [None, "", "clx0billing", "2026-11-23T12:00:00Z"])
def test_no_cursor_behind_after(after: str | None) -> None:
    """An id or a time is none."""
    assert cursor_in(after) is None


@pytest.mark.parametrize("after", ["{'deployment_id': 'dep'}", "{", {"id": "d1"}])
def test_a_damaged_cursor_behind_after(after: Any) -> None:
    """A person wrote it, and is told what may stand there."""
    with pytest.raises(BadInput, match="cursor"):
        cursor_in(after)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-11-23T12:00:00Z", NOW), ("2026-11-23T13:00:00+01:00", NOW), ("clx0billing", None)],
)
def test_a_time_or_an_id(text: str, moment: Any) -> None:
    """Both may stand behind *after*."""
    assert time_in(text) == moment


@pytest.mark.parametrize("text", ["2026-11-23", "2026-11-23T12:00:00", "2026-13-45T99:00:00+00:00"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    """It would mean another moment on another machine."""
    with pytest.raises(BadInput, match="zone"):
        time_in(text)


def event(extra: Any) -> SimpleNamespace:
    """An asset event as a task's context holds it."""
    return SimpleNamespace(extra=extra)


def test_the_deploys_of_a_run() -> None:
    """Several events may start one run, an event may come twice, and some hold no deploy."""
    d1, d2 = deploy("d1", 2).to_dict(), deploy("d2", 1).to_dict()
    told = [event({"payload": {"deploys": some}}) for some in ([d2], [d1, d2], [])]
    by_hand = [event({}), event({"payload": "hello"}), event(None)]
    assert landed_deploys({"asset": [*told, *by_hand], "alias": [told[0]]}) == [d1, d2]


@dataclass
class Story:
    """A history as time goes by: deploys come, end, and are looked at, sometimes after a restart."""

    rows: list[Deploy] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    kept: Any = None
    only_first: bool = False

    def step(self, word: str, place: int) -> None:
        """Let one thing happen."""
        if word == "look":
            self._look()
        elif word == "come":
            number = len(self.rows)
            status = (GOING, OK, BAD)[place % 3]
            self.rows.append(deploy(f"d{number:02}", 40 - number, status=status))
        elif self.rows:
            self._end(place % len(self.rows), OK if word == "succeed" else BAD)

    def _look(self) -> None:
        if self.kept is None:
            begin = baseline("dep", reversed(self.rows), WANTED)
            self.told += [row.id for row in self.rows if row.id not in begin.open]
        else:
            kept = Cursor.from_dict(json.loads(self.kept))
            poll_result = look(self.rows, kept, only_first=self.only_first)
            self.told += ids(poll_result)
            begin = poll_result.cursor
        self.kept = json.dumps(begin.to_dict())

    def _end(self, place: int, status: DeployStatus) -> None:
        if self.rows[place].status is GOING:
            self.rows[place] = replace(self.rows[place], status=status)


@given(
    st.lists(
        st.tuples(st.sampled_from(["come", "come", "look", "succeed", "fail"]), st.integers(0, 99)),
        max_size=40,
    ),
    st.booleans(),
)
def test_each_deploy_is_told_once(steps: list[tuple[str, int]], only_first: bool) -> None:
    """Whatever comes, ends and is looked at in whatever order; the cursor is read back every time.

    Also where each look takes one deploy and leaves the others to the next.
    """
    story = Story(only_first=only_first)
    story.step("look", 0)
    for word, place in steps:
        story.step(word, place)
    for _ in range(len(story.rows) + 1):
        story.step("look", 0)
    landed = [row.id for row in story.rows if row.status is OK]
    assert sorted(story.told) == landed
