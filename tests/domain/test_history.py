# SPDX-License-Identifier: Apache-2.0
"""Reading a history: lazily, once, and following rollbacks to their origins."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.domain.deploys import Deploy, Scope
from airflow_rollback_provider.domain.history import History
from tests.support.builders import BAD, GOING, ODD, Counted, deploy, history, rollback

BOTH = Scope.IMAGE_AND_DAGS


def test_only_what_is_asked_for_is_read() -> None:
    """10,000 deploys, and no more of them read than the question needs; what was read is not read again."""
    source = Counted(deploy(f"d{number}", number) for number in range(10_000))
    asked = History(source)
    assert source.taken == 0
    assert asked.latest is asked.latest is not None
    assert asked.running is asked.latest
    assert source.taken == 1
    assert asked.already_read("d1") is None
    assert asked.find("d4") is asked.already_read("d4") is not None
    assert source.taken == 5
    assert len(list(asked)) == len(list(asked)) == 10_000
    assert source.taken == 10_000


def test_two_readers_at_once_see_the_same() -> None:
    """Reading on in one place does not take deploys away from another."""
    asked = history(deploy("d1"), deploy("d2"), deploy("d3"))
    slow = iter(asked)
    assert next(slow).id == "d3"
    assert [one.id for one in asked] == ["d3", "d2", "d1"]
    assert [one.id for one in slow] == ["d2", "d1"]


def test_a_row_that_comes_twice_counts_once() -> None:
    """A page that shifts while it is read repeats rows."""
    d1, d2 = deploy("d1"), deploy("d2")
    asked = History([d2, d2, d1, d2, d1])
    assert [one.id for one in asked] == ["d2", "d1"]


def test_what_runs_is_the_newest_that_succeeded() -> None:
    """Failed deploys, deploys in progress and those of unknown status change nothing that is known."""
    rows = [deploy("d1"), deploy("d2"), deploy("d3", status=BAD), deploy("d4", status=ODD)]
    asked = history(*rows, deploy("d5", status=GOING))
    assert asked.running is rows[1]
    assert asked.latest is not None
    assert asked.latest.id == "d5"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([GOING], "d0"),
        ([GOING, BAD, ODD], "d0"),
        ([GOING, GOING], "d1"),
        ([BAD, ODD], None),
        ([], None),
    ],
)
def test_unfinished_is_younger_than_what_runs(statuses: list[object], expected: str | None) -> None:
    """A deploy in progress below one that succeeded was abandoned."""
    younger = [deploy(f"d{number}", status=status) for number, status in enumerate(statuses)]
    found = history(deploy("old", status=GOING), deploy("runs"), *younger).unfinished
    assert (found and found.id) == expected


def origin(asked: History, of: Deploy, part: str = "image") -> str | None:
    """The id of a part's origin, with the history read up to the deploy."""
    assert asked.find(of.id) is of
    found = asked.origin(of, part)
    return found.id if isinstance(found, Deploy) else found


def test_dags_in_the_image_go_with_it() -> None:
    """A rollback of the image of an image-based Deployment restores its Dags."""
    d1, d2 = deploy("d1", dags=None), deploy("d2", dags=None)
    back = rollback("r", d1, scope=Scope.IMAGE)
    assert origin(history(d1, d2, back), back, "dags") == "d1"


def test_a_rollback_that_does_not_tell_its_scope_brought_everything() -> None:
    """Platforms without scopes roll back whole deploys."""
    d1, d2 = deploy("d1"), deploy("d2")
    back = rollback("r", d1, scope=None)
    asked = history(d1, d2, back)
    assert origin(asked, back) == origin(asked, back, "dags") == "d1"


def test_unknown_content_is_not_taken_for_kept() -> None:
    """Two deploys without a known image may have different ones."""
    d1, d2 = deploy("d1", image=None), deploy("d2", image=None)
    assert origin(history(d1, d2), d2) == "d2"


def test_an_origin_that_was_deleted_is_not_known() -> None:
    """The platform deleted the target, or the deploy before a rollback of the other part."""
    d1 = deploy("d1")
    back = rollback("r", d1)
    assert origin(history(deploy("d2"), back), back) is None
    part = rollback("r", d1, scope=Scope.DAGS)
    assert origin(history(part), part) is None


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_of_rollbacks_ends(length: int) -> None:
    """Rows that name each other have no origin, and do not hang."""
    rows = [
        deploy(f"r{number}", rolled_back_to=f"r{(number + 1) % length}", scope=BOTH)
        for number in range(length)
    ]
    asked = history(*rows)
    assert origin(asked, rows[0]) is None
    assert asked.lineage(rows[0], BOTH) == {row.id for row in rows}


def test_an_origin_in_a_long_history_is_found_in_one_walk() -> None:
    """10,000 Dag-only deploys on one image: a walk, not a walk for each."""
    source = Counted(deploy(f"d{number}", 1, image="same") for number in range(10_000))
    asked = History(source)
    assert asked.running is not None
    assert origin(asked, asked.running) == "d9999"
    assert source.taken == 10_000


def test_lineage_follows_what_was_read() -> None:
    """It names the deploys that brought the same content and reads no further."""
    d1, d2 = deploy("d1"), deploy("d2")
    r1 = rollback("r1", d1)
    r2 = rollback("r2", r1)
    source = Counted([r2, r1, d2, d1])
    asked = History(source)
    assert asked.latest is r2
    assert asked.lineage(r2, BOTH) == {"r2", "r1"}
    assert source.taken == 1
    assert list(asked)
    assert asked.lineage(r2, BOTH) == {"r2", "r1", "d1"}
    assert asked.lineage(d2, BOTH) == {"d2"}
    part = rollback("r3", d1, scope=Scope.DAGS)
    assert asked.lineage(part, BOTH) == {"r3"}
    assert asked.lineage(part, Scope.DAGS) == {"r3", "d1"}
