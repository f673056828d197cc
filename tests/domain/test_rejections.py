# SPDX-License-Identifier: Apache-2.0
"""Content that a Deployment was rolled back from, and deploys that bring it back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus, Scope
from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.rejections import (
    Rejection,
    Rejections,
    what_undoes,
    with_rejections,
)
from airflow_rollback_provider.domain.selector import DeploySelector, choose
from tests.support.builders import BAD, GOING, Counted, deploy, history, rollback

BOTH = Scope.IMAGE_AND_DAGS
D1, D2 = deploy("d1", 5), deploy("d2", 4)
BACK = rollback("r", D1, 3, description="Release 2\n loses orders", created_by="ana")
AGAIN = deploy("again", 2, image="d2", dags="d2")


def out(*oldest_first: Deploy, scope: Scope = BOTH) -> set[str]:
    """The ids of the deploys whose content is rejected at the end of a history."""
    rows = oldest_first[::-1]
    found = Rejections(rows)
    return {one.id for one in rows if found.now(one, scope)}


def back(
    *oldest_first: Deploy, rejected_for: timedelta | None = None, accepted: Collection[str] = ()
) -> set[str]:
    """The ids of the deploys that brought rejected content back."""
    rows = oldest_first[::-1]
    found = Rejections(rows, rejected_for, accepted)
    return {one.id for one in rows if found.on_landing(one)}


def test_a_rejection_names_its_rollback() -> None:
    """With the time, the reason in one line, and the author."""
    found = Rejections([AGAIN, BACK, D2, D1])
    expected = Rejection(BACK.created_at, "Release 2 loses orders", "r", "ana", "d2")
    assert found.on_landing(AGAIN) == found.now(AGAIN, BOTH) == expected
    assert (found.on_landing(D2), found.on_landing(BACK)) == (None, None)


@pytest.mark.parametrize("status", [BAD, GOING])
def test_only_a_rollback_that_succeeded_rejects(status: DeployStatus) -> None:
    """A deploy that failed did not run either, so the one before it is rejected."""
    assert out(D1, D2, replace(BACK, status=status)) == set()
    assert out(D1, D2, deploy("d3", status=BAD), BACK) == {"d2"}


def test_a_failed_deploy_brings_nothing_back() -> None:
    """One that is in progress is about to."""
    assert back(D1, D2, BACK, replace(AGAIN, status=BAD)) == set()
    assert back(D1, D2, BACK, replace(AGAIN, status=GOING)) == {"again"}


def test_another_deploy_does_not_end_a_rejection() -> None:
    """CI may have made it, and may make it once more."""
    twice = replace(AGAIN, id="twice", created_at=AGAIN.created_at + timedelta(hours=1))
    rows = (D1, D2, BACK, AGAIN, deploy("d4", 1.5), twice)
    assert back(*rows) == {"again", "twice"}
    assert out(*rows) == {"d2", "again", "twice"}


@pytest.mark.parametrize("word", ["d2 is fine [accept-release]", "[Accept-Release]"])
def test_a_deploy_can_accept_its_content(word: str) -> None:
    """From then on it is like any other."""
    accepting = replace(AGAIN, description=word)
    later = replace(AGAIN, id="later")
    assert back(D1, D2, BACK, accepting, deploy("d4"), later) == set()
    assert out(D1, D2, BACK, accepting) == set()


@pytest.mark.parametrize("name", ["tag-d2", "bundle-d2", "c2"])
def test_content_can_be_accepted_by_name(name: str) -> None:
    """By its image tag, its Dag bundle or its commit; other names accept nothing."""
    rows = (D1, D2, BACK, replace(AGAIN, git_commit="c2"))
    assert back(*rows, accepted=[name]) == set()
    assert back(*rows, accepted=["tag-d"]) == {"again"}


def test_a_rollback_to_rejected_content_brings_it_back_and_ends_the_rejection() -> None:
    """A user chose it in spite of the warning. What that rollback left is rejected instead."""
    undo = rollback("undo", D2, 2)
    rows = (D1, D2, BACK, undo, deploy("d3", 1), replace(AGAIN, id="later"))
    assert back(*rows) == {"undo"}
    assert out(*rows) == {"d1", "r", "d2"}  # d2 as the row that BACK replaced, not for its content


def test_a_rollback_of_one_part_brings_back_that_part_alone() -> None:
    """It keeps a rejected image that runs, and does not bring it."""
    dags_only = replace(rollback("dags", D1, 1, scope=Scope.DAGS), image_tag=AGAIN.image_tag)
    assert back(D1, D2, BACK, AGAIN, dags_only) == {"again"}
    assert back(D1, D2, BACK, AGAIN, dags_only, replace(dags_only, id="x", rolled_back_to="d2")) >= {"x"}


@pytest.mark.parametrize(("scope", "rejected"), [(Scope.IMAGE, "image"), (Scope.DAGS, "dags")])
def test_only_the_parts_of_the_rollback_are_rejected(scope: Scope, rejected: str) -> None:
    """A rollback of the image does not reject the Dag bundle, and the other way round."""
    kept = {"dag_bundle": D2.dag_bundle} if scope is Scope.IMAGE else {"image_tag": D2.image_tag}
    one = rollback("r", D1, 3, scope=scope, **kept)
    image, dags = deploy("image", 2, image="d2"), deploy("dags", 1, dags="d2")
    assert back(D1, D2, one, image, dags) == {rejected}


def test_a_deploy_that_was_replaced_is_rejected_as_a_whole() -> None:
    """A rollback of its Dags does not make its image a target of its own."""
    one = rollback("r", D1, 3, scope=Scope.DAGS, image_tag=D2.image_tag)
    twin = deploy("twin", 4.5, image="d2")
    assert out(D1, twin, D2, one, scope=Scope.IMAGE) == {"d2"}


def test_a_rollback_does_not_reject_what_it_keeps() -> None:
    """Two deploys with one image: only the Dags were bad."""
    d2 = deploy("d2", 4, image="d1")
    assert back(D1, d2, rollback("r", D1, 3), deploy("d3", 2, image="d1")) == set()


def test_the_same_commit_is_the_same_content() -> None:
    """CI builds a bad commit anew under another tag."""
    bad = replace(D2, git_commit="C2")
    rebuilt = deploy("rebuilt", 2, git_commit="c2")
    assert back(D1, bad, BACK, rebuilt) == {"rebuilt"}


def test_a_commit_that_was_also_good_is_not_rejected() -> None:
    """The target of the rollback was built from it."""
    good, bad = replace(D1, git_commit="c1"), replace(D2, git_commit="c1")
    assert back(good, bad, BACK, deploy("d3", 2, git_commit="c1")) == set()


def test_a_commit_belongs_to_the_parts_that_its_deploy_brought() -> None:
    """The image came from another commit than the Dags that were deployed onto it."""
    bad, dags = replace(D2, git_commit="c2"), deploy("dags", 3.5, image="d2", git_commit="c3")
    one = rollback("r", D1, 3, scope=Scope.IMAGE, dag_bundle=dags.dag_bundle)
    rebuilt, other = deploy("rebuilt", 2, git_commit="c2"), deploy("other", 1, git_commit="c3")
    assert back(D1, bad, dags, one, rebuilt, other) == {"rebuilt"}


def test_a_row_without_content_matches_no_other() -> None:
    """Unknown content equals no other, whatever its commit; the row itself is rejected."""
    silent = deploy("silent", 4, image=None, dags=None, git_commit="c2")
    later = replace(silent, id="later", created_at=AGAIN.created_at)
    assert back(D1, silent, BACK, later) == set()
    assert out(D1, silent, BACK, later) == {"silent"}


def test_dags_in_the_image_are_rejected_with_it() -> None:
    """An image-based Deployment rolls back its image."""
    d1, d2 = deploy("d1", 5, dags=None), deploy("d2", 4, dags=None)
    one = rollback("r", d1, 3, scope=Scope.IMAGE)
    assert back(d1, d2, one, deploy("again", 2, image="d2", dags=None)) == {"again"}


def test_a_rejection_lasts_a_while() -> None:
    """From the rollback to the deploy; the moment of its end does not count, so that 0 means never."""
    assert back(D1, D2, BACK, AGAIN, rejected_for=timedelta(days=1, seconds=1)) == {"again"}
    assert back(D1, D2, BACK, AGAIN, rejected_for=timedelta(days=1)) == set()
    at_once = replace(AGAIN, created_at=BACK.created_at)
    assert back(D1, D2, BACK, at_once, rejected_for=timedelta(0)) == set()


# Histories of a few contents, in which everything happens.
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["deploy", "deploy", "rollback"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from([DeployStatus.SUCCEEDED, DeployStatus.SUCCEEDED, DeployStatus.FAILED]),
        st.sampled_from([Scope.IMAGE, Scope.DAGS, BOTH, None]),
        st.sampled_from(["", "", "", "[accept-release]"]),
    ),
    max_size=12,
)


def made(rows: list[tuple[str, int, int, DeployStatus, Scope | None, str]]) -> list[Deploy]:
    """A history, oldest first; a rollback goes back to an earlier deploy, if there is one that succeeded."""
    found: list[Deploy] = []
    for at, (kind, image, dags, status, scope, description) in enumerate(rows):
        days, good = 20 - at, [one for one in found if one.succeeded]
        values: dict[str, Any] = {"status": status, "description": description}
        if kind == "deploy" or not good:
            found.append(deploy(f"n{at}", days, image=str(image), dags=str(dags), **values))
            continue
        target, runs = good[image % len(good)], good[-1]
        if scope is Scope.IMAGE:
            values["dag_bundle"] = runs.dag_bundle
        elif scope is Scope.DAGS:
            values["image_tag"] = runs.image_tag
        found.append(rollback(f"n{at}", target, days, scope=scope, **values))
    return found


def decided(rows: list[Deploy], part: str, content: str | None) -> bool:
    """Whether the latest decision about a content in these rows, oldest first, is a rejection."""
    rejected = False
    good = [one for one in rows if one.succeeded]
    for at, one in enumerate(good):
        if one.part(part) == content and (
            "[accept-release]" in one.description or (one.is_rollback and part in one.restored_parts)
        ):
            rejected = False
        elif at and one.is_rollback and part in one.restored_parts and good[at - 1].part(part) == content:
            rejected = True
    return rejected


@given(ROWS)
def test_the_latest_decision_about_a_content_counts(
    rows: list[tuple[str, int, int, DeployStatus, Scope | None, str]],
) -> None:
    """For each deploy when it landed; at the end, those that were replaced are rejected besides."""
    found = made(rows)
    rejections = Rejections(found[::-1])
    for at, one in enumerate(found):
        parts = one.restored_parts if one.is_rollback else BOTH.parts
        bad = any(decided(found[:at], part, one.part(part)) for part in parts)
        brings = not one.failed and "[accept-release]" not in one.description
        assert bool(rejections.on_landing(one)) == (bad and brings)
        for scope in Scope:
            bad = any(decided(found, part, one.part(part)) for part in scope.parts)
            assert rejections.now(one, scope) or not bad


@given(ROWS, st.sampled_from(list(Scope)), st.sampled_from(["previous", "tag:tag-1"]))
def test_no_selector_picks_rejected_content(
    rows: list[tuple[str, int, int, DeployStatus, Scope | None, str]], scope: Scope, text: str
) -> None:
    """Whatever happened; an id can still name it."""
    found = made(rows)
    try:
        chosen = choose(DeploySelector.parse(text), history(*found).read_out(), scope)
    except DeployNotFound:
        return
    assert not any(decided(found, part, chosen.part(part)) for part in scope.parts)


@given(ROWS)
def test_without_rollbacks_that_succeeded_nothing_is_rejected(
    rows: list[tuple[str, int, int, DeployStatus, Scope | None, str]],
) -> None:
    """Neither failed rollbacks nor any number of deploys reject."""
    found = [replace(one, status=BAD) if one.is_rollback else one for one in made(rows)]
    assert back(*found) == set()
    assert out(*found) == set()


def test_a_history_is_read_a_little_ahead() -> None:
    """Each deploy has its rejection while thousands are read, if the rollback is among the 80 before it."""
    near, far = (deploy("near", 1), [deploy(f"n{number}", 1) for number in range(300)])
    rows = [near, replace(AGAIN, id="x"), *far[:70], BACK, D2, D1, *far[70:]]
    source = Counted(rows)
    found = with_rejections(source, timedelta(days=90))
    assert [rejection for _, rejection in islice(found, 2)] == [
        None,
        Rejections([BACK, D2, D1]).now(D2, BOTH),
    ]
    assert source.taken == 100
    assert [one.id for one, _ in found] == [row.id for row in rows[2:]]


@pytest.mark.parametrize(
    ("scope", "content"),
    [
        (BOTH, "image tag tag-d2 and Dag bundle bundle-d2"),
        (Scope.IMAGE, "image tag tag-d2"),
        (Scope.DAGS, "Dag bundle bundle-d2"),
    ],
)
def test_what_undoes_a_rollback(scope: Scope, content: str) -> None:
    """The next deploy from CI, with the content that it brings back."""
    assert what_undoes(D2, scope) == (
        f"The next deploy from CI brings {content} back unless that release is fixed, reverted or stopped "
        "there first."
    )
    assert "the content of deploy d2 back" in what_undoes(replace(D2, image_tag=None, dag_bundle=None), scope)
