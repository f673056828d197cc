# SPDX-License-Identifier: Apache-2.0
"""The tag in the description."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.arguments import optional
from airflow_rollback_provider.domain.errors import InvalidDescription
from airflow_rollback_provider.domain.idempotency import (
    TAG_LENGTH,
    Origin,
    describe,
    find_by_key,
    key_in,
    make_idempotency_key,
    origin_in,
    same_target,
    without_key,
    without_tag,
    without_target,
)
from tests.support.builders import Counted, deploy

KEY, OTHER = make_idempotency_key("dag", "run", "task", -1), make_idempotency_key("dag", "run", "task", 0)
MARKED = f"Bad release. [idempotency-key:{KEY}]"


def test_the_same_parts_have_the_same_key() -> None:
    """Any other parts have another key, also where they run together or differ in type alone."""
    assert make_idempotency_key("dag", "run", "task", -1) == KEY
    identities = [
        ("a", "bc"),
        ("ab", "c"),
        ("a", "b", "c"),
        ("a", 1),
        ("a", "1"),
        ("a", None),
        ("a", ""),
        ("a",),
    ]
    assert len({without_target(make_idempotency_key(*identity)) for identity in identities}) == len(
        identities
    )
    assert len(KEY) == 20


def test_the_target_does_not_change_the_identity() -> None:
    """The key shows the target all the same, and a deploy is found without it."""
    one, other = (
        make_idempotency_key("dag", "run", target="previous"),
        make_idempotency_key("dag", "run", target="tag:7"),
    )
    assert without_target(one) == without_target(other)
    assert (same_target(one, other), same_target(one, one)) == (False, True)
    marked = deploy("d", description=describe("why", one, 500))
    assert find_by_key([marked], other) is marked


def test_the_key_stays_the_same_over_releases() -> None:
    """A task that is retried after an upgrade of this package must still find its own rollback."""
    assert make_idempotency_key("dag", "run", "task", -1) == "d8966c33a8c603e3b0c4"


@given(st.text(min_size=1, max_size=300).filter(optional), st.text(" \t\n\r", max_size=5))
def test_a_mark_survives_the_platform(text: str, space: str) -> None:
    """The key is read back, whether the platform trims or adds space at the ends."""
    kept = describe(text, KEY, 500)
    for shown in (kept, kept.strip(), space + kept + space):
        assert key_in(shown) == KEY
    assert without_tag(kept) == text.strip()


def test_words_that_look_like_a_mark_do_not_count() -> None:
    """Only the very end does; a person who copies a marked description forges nothing."""
    copied = describe(MARKED, OTHER, 500)
    assert key_in(copied) == OTHER
    assert without_tag(copied) == MARKED
    for text in (
        f"{MARKED} again",
        f"{MARKED}.",
        f"{MARKED}\nand more",
        MARKED[:-1],
        MARKED.upper(),
        MARKED.replace("idempotency-key", "idempotency_key"),
        f"[idempotency-key:{KEY}0]",
        f"[idempotency-key:{KEY[:-1]}]",
        f"[idempotency-key:{KEY[:-1]}g]",
        "",
        "]",
    ):
        assert key_in(text) is None
        assert without_tag(text) == text


@pytest.mark.parametrize("text", ["", " ", "\n\t", None, "None"])
def test_an_empty_description_is_refused(text: Any) -> None:
    """The reason is for people; the tag alone is no reason."""
    with pytest.raises(InvalidDescription, match="needs a description"):
        describe(text, KEY, 500)


@pytest.mark.parametrize("letter", ["x", "ü", "雪", "🔥"])
def test_the_limit_counts_the_tag(letter: str) -> None:
    """Up to the last character; the error says how many are left for the person."""
    room = 500 - TAG_LENGTH
    assert len(describe(letter * room, KEY, 500)) == 500
    assert len(describe(f" {letter * room} ", KEY, 500)) == 500
    with pytest.raises(InvalidDescription, match=rf"has {room + 1} characters.* Shorten it to {room}\."):
        describe(letter * (room + 1), KEY, 500)
    with pytest.raises(InvalidDescription, match=r"has 10,000 characters.* Shorten it to 0\."):
        describe(letter * 10_000, KEY, 10)


def test_the_newest_deploy_with_the_key_is_found() -> None:
    """Reading no further, and none where there is none."""
    rows = [
        deploy("d4", description=f"{MARKED} quoted"),
        deploy("d3", description=describe("x", OTHER, 500)),
        deploy("d2", description=MARKED),
        deploy("d1", description=MARKED),
    ]
    source = Counted(rows)
    found = find_by_key(source, KEY)
    assert found is rows[2]
    assert source.taken == 3
    assert find_by_key(rows, make_idempotency_key("another")) is None
    assert find_by_key([], KEY) is None


@pytest.mark.timeout(10)
def test_long_whitespace_takes_no_long_time() -> None:
    """A description of a million blanks in the history is read at once."""
    assert key_in(" " * 1_000_000 + "x" + " " * 1_000_000) is None
    assert without_tag(" " * 1_000_000 + "[") == " " * 1_000_000 + "["


ORIGIN = Origin("roll_back", "manual__2026-11-26T12:00:00+00:00", "ana")


def test_the_origin_stands_before_the_tag() -> None:
    """The user, the Dag and the run; the user's own words are read back without it."""
    text = describe("Bad release.", KEY, 500, ORIGIN)
    assert text == f"Bad release. {ORIGIN} [idempotency-key:{KEY}]"
    assert str(ORIGIN) == "(asked by ana, Dag roll_back, run manual__2026-11-26T12:00:00+00:00)"
    assert (key_in(text), without_tag(text), origin_in(text)) == (KEY, "Bad release.", ORIGIN)
    assert without_key(text) == f"Bad release. {ORIGIN}"
    nobody = replace(ORIGIN, asked_by=None)
    assert origin_in(describe("x", KEY, 500, nobody)) == nobody


def test_an_origin_needs_the_tag() -> None:
    """A user can write anything into a description of their own."""
    assert origin_in(f"x {ORIGIN}") is None
    assert without_tag(f"x {ORIGIN}") == f"x {ORIGIN}"


@given(st.integers(1, 461))
def test_the_origin_takes_the_room_that_is_left(length: int) -> None:
    """It is shortened or left out; the user's words and the tag never are."""
    text = describe("x" * length, KEY, 500, ORIGIN)
    assert len(text) <= 500
    assert key_in(text) == KEY
    assert text.startswith("x" * length)
    if origin_in(text) is None:
        assert length > 461 - len(f" {ORIGIN}")


@pytest.mark.parametrize(
    ("given_name", "written"),
    [
        ("ana", "ana"),
        (" Ana  de Silva ", "Ana de Silva"),
        ("ana@example.com", "ana"),
        ("ana, Dag x) [idempotency-key:0]", "ana Dag x idempotency-key 0"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl", None),
        ("x" * 100, "x" * 60),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_name_is_safe_in_another_system(given_name: object, written: str | None) -> None:
    """No token, no address, nothing that looks like another part of the description."""
    assert Origin.of("d", "r", given_name).asked_by == written


def test_ids_that_airflow_does_not_allow_by_default_lead_nowhere() -> None:
    """They are text of the description."""
    odd = describe("x", KEY, 500, Origin("d", "a run (with) brackets"))
    assert origin_in(odd) is None
    assert key_in(odd) == KEY
