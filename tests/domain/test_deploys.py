# SPDX-License-Identifier: Apache-2.0
"""A platform's data as values."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import (
    Mechanism,
    NamedBundle,
    Scope,
)
from airflow_rollback_provider.domain.errors import BadInput
from tests.support.builders import deploy


@pytest.mark.parametrize("text", ["", "Image", "all", "image,dags", None])
def test_an_unknown_scope_is_refused_with_the_known_ones(text: Any) -> None:
    """The error lists the accepted values."""
    with pytest.raises(BadInput, match="Use one of: image, dags, image_and_dags"):
        Scope.parse(text)


@pytest.mark.parametrize(
    ("text", "mechanism", "words"),
    [
        ("image", Mechanism.IMAGE, "image-based"),
        ("volume", Mechanism.VOLUME, "volume (NFS)"),
        ("git_sync", Mechanism.GIT_SYNC, "git-sync"),
        ("dag_deploy", Mechanism.DAG_DEPLOY, "Dag-only deploys"),
        ("carrier-pigeon", Mechanism.UNKNOWN, "unknown"),
        ("", Mechanism.UNKNOWN, "unknown"),
        (None, Mechanism.UNKNOWN, "unknown"),
    ],
)
def test_mechanisms_are_read_as_they_come(text: str | None, mechanism: Mechanism, words: str) -> None:
    """A word that is new to us is unknown, not an error."""
    assert (Mechanism.read(text), str(Mechanism.read(text))) == (mechanism, words)


@pytest.mark.parametrize(
    ("values", "image", "dags"),
    [
        ({}, ":tag-d", "bundle-d"),
        ({"image_repository": "reg/x"}, "reg/x:tag-d", "bundle-d"),
        ({"dags": None}, ":tag-d", ":tag-d"),
        ({"image": None}, None, "bundle-d"),
        ({"image": None, "dags": None, "image_repository": "reg/x"}, None, None),
    ],
)
def test_the_parts_of_the_content(values: dict[str, Any], image: str | None, dags: str | None) -> None:
    """Without a bundle the Dags are in the image; a repository without a tag names nothing."""
    row = deploy("d", **values)
    assert (row.part("image"), row.part("dags")) == (image, dags)


def test_same_content_needs_a_difference_to_be_false() -> None:
    """Only the scope counts; an unknown part does not differ."""
    d1, other_dags = deploy("d1"), deploy("x", image="d1")
    silent = deploy("y", image=None, dags=None)
    assert d1.same_content(other_dags, Scope.IMAGE)
    assert not d1.same_content(other_dags, Scope.DAGS)
    assert not d1.same_content(other_dags, Scope.IMAGE_AND_DAGS)
    assert d1.same_content(silent, Scope.IMAGE_AND_DAGS)
    assert silent.same_content(d1, Scope.IMAGE_AND_DAGS)


V1, V2, OTHER = NamedBundle("dbt", "1"), NamedBundle("dbt", "2"), NamedBundle("other", "1")


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ((), (), True),
        ((V1,), (V1,), True),
        ((V1,), (V2,), False),
        ((V1,), (), False),
        ((), (V1,), False),
        ((V1, OTHER), (OTHER, V1), True),
        ((V1,), (OTHER,), False),
        ((NamedBundle("dbt"),), (V2,), True),
    ],
)
def test_named_bundles_are_content(mine: Any, theirs: Any, same: bool) -> None:
    """Their order does not count, and only a known version differs."""
    one, other = deploy("d", bundles=mine), deploy("d", bundles=theirs)
    assert one.same_content(other, Scope.IMAGE) is same
    assert one.same_parts(other, Scope.IMAGE_AND_DAGS)
