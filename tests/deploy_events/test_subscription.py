# SPDX-License-Identifier: Apache-2.0
"""Every deploy that counts is reported once."""

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

FILTER = DeployFilter()


def poll(
    rows: list[Deploy], cursor: Cursor, deploy_filter: DeployFilter = FILTER, *, only_first: bool = False
) -> PollResult:
    """Poll a history once, which is given oldest first."""
    newer = unread(reversed(rows), cursor)
    reread = [row for row in rows if row.id in cursor.open]
    return sort_out(cursor, newer, reread, deploy_filter, only_first=only_first)


def ids(poll_result: PollResult) -> list[str]:
    """The ids of the new deploys, in the order of the report."""
    return [one.id for one in poll_result.news]


def test_several_deploys_between_two_polls() -> None:
    """All are reported, oldest first."""
    rows = [deploy(f"d{number}", 9 - number) for number in range(6)]
    assert ids(poll(rows, baseline("dep", rows[:1], FILTER))) == ["d1", "d2", "d3", "d4", "d5"]


def test_only_first() -> None:
    """Later deploys are left to the next polls, and nothing is reported twice."""
    rows = [deploy("d1", 9, status=GOING), *(deploy(f"d{number}", 9 - number) for number in range(2, 5))]
    begin = Cursor("dep", None, NOW - timedelta(days=20))
    one = poll(rows, begin, only_first=True)
    rows[0] = replace(rows[0], status=OK)
    two = poll(rows, one.cursor, only_first=True)
    three = poll(rows, two.cursor)
    assert (ids(one), ids(two), ids(three)) == (["d2"], ["d1"], ["d3", "d4"])


def test_only_first_of_open_deploys() -> None:
    """The others that have landed stay open for the next poll."""
    rows = [deploy(f"d{number}", 9 - number) for number in range(1, 5)]
    begin = Cursor("dep", "d3", rows[2].created_at, ("d1", "d2"))
    one = poll(rows, begin, only_first=True)
    assert (ids(one), one.cursor) == (["d1"], replace(begin, open=("d2",)))


def test_no_further_than_needed_is_read() -> None:
    """The deploys before the cursor are not read."""
    source = Counted(deploy(f"d{number}", number) for number in range(10_000))
    assert [one.id for one in unread(source, Cursor("dep", "d3", NOW - timedelta(days=3)))] == [
        "d0",
        "d1",
        "d2",
    ]
    assert source.taken == 4


def test_a_cursor_that_vanished() -> None:
    """If the platform has deleted the latest deploy that was read, its time decides."""
    rows = [deploy("d1", 3), deploy("d3", 1)]
    assert ids(poll(rows, Cursor("dep", "d2", NOW - timedelta(days=2)))) == ["d3"]


def test_start_after_a_time() -> None:
    """A deploy that was created at exactly that time is not new."""
    rows = [deploy("d1", 3), deploy("d2", 2), deploy("d3", 1)]
    assert ids(poll(rows, Cursor("dep", None, NOW - timedelta(days=2)))) == ["d3"]


@pytest.mark.parametrize(
    ("deploy_filter", "one", "fits", "may_fit"),
    [
        (FILTER, deploy("d"), True, False),
        (FILTER, deploy("d", status=BAD), False, False),
        (FILTER, deploy("d", status=GOING), False, True),
        (FILTER, deploy("d", status=ODD), False, True),
        (DeployFilter.parse(["failed"]), deploy("d", status=BAD), True, False),
        (DeployFilter.parse("in_progress"), deploy("d", status=GOING), True, True),
        (FILTER, rollback("r", deploy("d")), False, False),
        (FILTER, rollback("r", deploy("d"), status=GOING), False, False),
        (DeployFilter(rollbacks=True), rollback("r", deploy("d")), True, False),
        (DeployFilter.parse(types=["dag_only"]), deploy("d", type="DAG_ONLY"), True, False),
        (DeployFilter.parse(types=["dag_only"]), deploy("d", type="IMAGE_ONLY", status=GOING), False, False),
    ],
)
def test_filter(deploy_filter: DeployFilter, one: Deploy, fits: bool, may_fit: bool) -> None:
    """Status, type and being a rollback decide."""
    assert (deploy_filter.fits(one), deploy_filter.may_fit(one)) == (fits, may_fit)


def test_the_order_of_names_makes_no_difference() -> None:
    """The same names in another order and case give an equal filter."""
    assert DeployFilter.parse(["failed", "succeeded"], ["B", "a"]) == DeployFilter.parse(
        ["Succeeded", "failed", "failed"], ["A", "b"]
    )


@pytest.mark.parametrize("statuses", [[], ["done"], ["unknown"]])
def test_no_such_status(statuses: list[str]) -> None:
    """A wait for a status that no deploy can have would never end."""
    with pytest.raises(BadInput, match=r"statuses has .*deploy status"):
        DeployFilter.parse(statuses)


STORED = Cursor("dep", "d2", NOW, ("d1", "d2"))


def test_a_cursor_survives_json() -> None:
    """It is stored as text."""
    assert Cursor.from_dict(json.loads(json.dumps(STORED.to_dict()))) == STORED
    assert Cursor.from_text(STORED.to_text()) == STORED


def test_a_cursor_of_a_newer_version() -> None:
    """Unknown fields are ignored."""
    assert Cursor.from_dict({**STORED.to_dict(), "colour": "green"}) == STORED


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"deployment_id": "dep", "open": "d1"}'])
def test_a_damaged_cursor(text: str) -> None:
    """Any other text raises ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        Cursor.from_text(text)


@pytest.mark.parametrize("after", [STORED.to_text(), f" {STORED.to_text()}", STORED.to_dict()])
def test_a_cursor_in_after(after: Any) -> None:
    """The cursor comes as text, or as values if the template returns native values."""
    assert cursor_in(after) == STORED


@pytest.mark.parametrize("after", [None, "", "clx0billing", "2026-11-23T12:00:00Z"])
def test_no_cursor_in_after(after: str | None) -> None:
    """An id or a time is not a cursor."""
    assert cursor_in(after) is None


@pytest.mark.parametrize("after", ["{'deployment_id': 'dep'}", "{", {"id": "d1"}])
def test_a_damaged_cursor_in_after(after: Any) -> None:
    """The error names the values that ``after`` accepts."""
    with pytest.raises(BadInput, match="cursor"):
        cursor_in(after)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-11-23T12:00:00Z", NOW), ("2026-11-23T13:00:00+01:00", NOW), ("clx0billing", None)],
)
def test_a_time_or_an_id(text: str, moment: Any) -> None:
    """``after`` accepts both."""
    assert time_in(text) == moment


@pytest.mark.parametrize("text", ["2026-11-23", "2026-11-23T12:00:00", "2026-13-45T99:00:00+00:00"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    """It would be a different moment on another machine."""
    with pytest.raises(BadInput, match="zone"):
        time_in(text)


def event(extra: Any) -> SimpleNamespace:
    """An asset event in the form of a task's context."""
    return SimpleNamespace(extra=extra)


def test_the_deploys_of_a_run() -> None:
    """Several events may start one run, an event may come twice, and some contain no deploy."""
    d1, d2 = deploy("d1", 2).to_dict(), deploy("d2", 1).to_dict()
    events = [event({"payload": {"deploys": some}}) for some in ([d2], [d1, d2], [])]
    by_hand = [event({}), event({"payload": "hello"}), event(None)]
    assert landed_deploys({"asset": [*events, *by_hand], "alias": [events[0]]}) == [d1, d2]


@dataclass
class Story:
    """A history over time: deploys are created and end, and are polled with a stored cursor."""

    rows: list[Deploy] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    stored: Any = None
    only_first: bool = False

    def step(self, word: str, number: int) -> None:
        """Do one step."""
        if word == "poll":
            self._poll()
        elif word == "create":
            position = len(self.rows)
            status = (GOING, OK, BAD)[number % 3]
            self.rows.append(deploy(f"d{position:02}", 40 - position, status=status))
        elif self.rows:
            self._end(number % len(self.rows), OK if word == "succeed" else BAD)

    def _poll(self) -> None:
        if self.stored is None:
            begin = baseline("dep", reversed(self.rows), FILTER)
            self.reported += [row.id for row in self.rows if row.status is OK]
        else:
            stored = Cursor.from_dict(json.loads(self.stored))
            poll_result = poll(self.rows, stored, only_first=self.only_first)
            self.reported += ids(poll_result)
            begin = poll_result.cursor
        self.stored = json.dumps(begin.to_dict())

    def _end(self, position: int, status: DeployStatus) -> None:
        if self.rows[position].status is GOING:
            self.rows[position] = replace(self.rows[position], status=status)


@given(
    st.lists(
        st.tuples(st.sampled_from(["create", "create", "poll", "succeed", "fail"]), st.integers(0, 99)),
        max_size=40,
    ),
    st.booleans(),
)
def test_each_deploy_is_reported_once(steps: list[tuple[str, int]], only_first: bool) -> None:
    """In any order of deploys, ends and polls, but those before the first poll; each reads the stored cursor.

    This also holds if each poll reports one deploy and leaves the others to the next.
    """
    story = Story(only_first=only_first)
    for word, number in steps:
        story.step(word, number)
    for _ in range(len(story.rows) + 1):
        story.step("poll", 0)
    landed = [row.id for row in story.rows if row.status is OK]
    assert sorted(story.reported) == landed
