# SPDX-License-Identifier: Apache-2.0
"""Tests of which name may be meant by another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.platforms.schema.resemblance import pair, ranked, resemblance, words

NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_.]{0,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("createdAt", ("created", "at")),
        ("created_at", ("created", "at")),
        ("IMAGE_AND_DAGS", ("image", "and", "dag")),
        ("deploymentUuid", ("deployment", "id")),
        ("deployRevisionUUID", ("deploy", "revision", "id")),
        ("HTMLPage2", ("html", "page", "2")),
        ("author.userName", ("created", "by", "user", "name")),
        ("status", ("status",)),
        ("state", ("status",)),
        ("", ()),
        ("...", ()),
    ],
)
def test_names_are_split_into_words(name: str, found: tuple[str, ...]) -> None:
    """However they are written; plurals and words for the same thing are one."""
    assert words(name) == found


@pytest.mark.parametrize(
    ("wanted", "better", "worse"),
    [
        ("imageTag", "tag", "imageRepository"),
        ("imageTag", "image.tag", "tag"),
        ("imageTag", "tag", "airflowVersion"),
        ("createdAt", "deployedAt", "createdBy"),
        ("createdBy.username", "author.name", "author.id"),
        ("rollbackDeployment", "undoDeploy", "createWorkspace"),
        ("rollbackDeployment", "revertDeployment", "updateDeployment"),
        ("deployRevisionUuid", "revisionId", "deploymentId"),
        ("deploymentUuid", "deploymentId", "revisionId"),
        ("status", "deployStatus", "statusReason"),
        ("DAGS", "DAG_ONLY", "IMAGE_ONLY"),
        ("take", "first", "after"),
        ("cursor", "after", "first"),
    ],
)
def test_what_is_meant_resembles_more(wanted: str, better: str, worse: str) -> None:
    """The names that APIs really use for the same thing are nearer than those beside them."""
    assert resemblance(wanted, better) > resemblance(wanted, worse)


@pytest.mark.parametrize(
    ("one", "other"), [("deploymentUuid", "author.id"), ("gitCommit", "dagBundle"), ("a", "")]
)
def test_what_is_something_else_does_not_resemble(one: str, other: str) -> None:
    """A last word that every object has is no resemblance."""
    assert resemblance(one, other) < 0.5


@given(NAMES, NAMES)
def test_resemblance_is_between_nothing_and_all(one: str, other: str) -> None:
    """A name resembles itself in full, others between 0 and 1."""
    assert 0.0 <= resemblance(one, other) <= 1.0
    assert resemblance(one, one) in (0.0, 1.0)


def test_names_are_ranked() -> None:
    """The likeliest first, those that resemble too little not at all."""
    assert ranked("imageTag", ["runtime", "image", "tag", "imageTags"], 0.5) == ["imageTags", "tag", "image"]


@given(st.lists(NAMES, unique=True, max_size=6), st.lists(NAMES, unique=True, max_size=6))
def test_nothing_is_given_twice(wanted: list[str], offered: list[str]) -> None:
    """Each wanted thing gets one offer at most, and what goes together best is together."""
    found = pair(wanted, offered, resemblance, 0.5)
    assert len(set(found.values())) == len(found)
    assert set(found) <= set(wanted)
    assert all(resemblance(want, offer) >= 0.5 for want, offer in found.items())
    for name in set(wanted) & set(offered):
        assert name not in found or resemblance(name, found[name]) == 1.0 or resemblance(name, name) == 0.0
