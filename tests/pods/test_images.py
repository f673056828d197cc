# SPDX-License-Identifier: Apache-2.0
"""Image references: read and compared."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.pods.pods import ImageReference


@pytest.mark.parametrize(
    ("expected", "image", "match"),
    [
        ("r/a:1", "r/a:1", True),
        ("r/a:1", "r/a:1@sha256:abc", True),
        ("r/a:1", "r/b:1", False),
        ("r/a:1", "r/a:2", False),
        ("r:5000/a:1", "r:5000/a:1", True),
        ("r:5000/a", "r:5000/a:latest", True),
        ("1", "r/a:1", True),
        ("release-42", "r:5000/a:release-42", True),
        ("docker.io/apache/airflow:3", "apache/airflow:3", True),
        ("airflow:3", "docker.io/library/airflow:3", True),
        ("r/a:1", "r/a@sha256:abc", False),
        ("r/a", "r/a@sha256:abc", False),
        ("1", "", False),
    ],
)
def test_by_tag(expected: str, image: str, match: bool) -> None:
    """References are compared by repository and tag, or by the tag alone if the repository is not known."""
    assert ImageReference.read(expected).matches(image) is match


@pytest.mark.parametrize(
    ("expected", "image", "image_id", "match"),
    [
        ("r/a@sha256:aaa", "r/a@sha256:aaa", "", True),
        ("r/a@sha256:aaa", "r/a@sha256:bbb", "", False),
        ("r/a@sha256:aaa", "r/b@sha256:aaa", "", False),
        ("r/a@sha256:aaa", "r/a@sha256:bbb", "r/a@sha256:aaa", False),
        ("r/a:1@sha256:aaa", "r/a:1@sha256:bbb", "", False),
        ("r/a:1@sha256:aaa", "r/a:2@sha256:aaa", "", True),
        ("r/a@sha256:aaa", "r/a:latest", "", False),
        ("r/a@sha256:aaa", "r/a:latest", "r/a@sha256:aaa", True),
        ("r/a:1@sha256:aaa", "r/a:1", "docker-pullable://r/a@sha256:aaa", True),
        ("r/a:1@sha256:aaa", "r/a:1", "docker-pullable://r/a@sha256:bbb", False),
        ("r/a:1@sha256:aaa", "r/a:1", "", False),
        ("r/a:1@sha256:aaa", "r/a:1", "sha256:aaa", False),
        ("sha256:aaa", "r/a:1", "r/a@sha256:aaa", True),
        ("sha256:aaa", "r/a@sha256:bbb", "", False),
    ],
)
def test_by_digest(expected: str, image: str, image_id: str, match: bool) -> None:
    """A digest must match exactly. An image with a tag alone matches by the digest that was pulled for it."""
    assert ImageReference.read(expected).matches(image, image_id) is match


@pytest.mark.parametrize(
    ("expected", "image", "may"),
    [
        ("r/a:1@sha256:aaa", "r/a:1", True),
        ("r/a@sha256:aaa", "r/a:1", True),
        ("r/a:1@sha256:aaa", "r/a:2", False),
        ("r/a@sha256:aaa", "r/b:1", False),
        ("r/a@sha256:aaa", "r/a@sha256:bbb", False),
        ("r/a:1", "r/a:1", True),
        ("r/a:1", "r/a:2", False),
    ],
)
def test_may_match(expected: str, image: str, may: bool) -> None:
    """Before the pull, a tag may stand for any digest."""
    assert ImageReference.read(expected).may_match(image) is may


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("r/a:1", "r/a:1"),
        ("r/a:1@sha256:aaa", "r/a:1@sha256:aaa"),
        ("r/a@sha256:aaa", "r/a@sha256:aaa"),
        ("release-42", "the tag release-42"),
        ("sha256:aaa", "the digest sha256:aaa"),
    ],
)
def test_as_words(text: str, words: str) -> None:
    """The text that findings quote."""
    assert str(ImageReference.read(text)) == words
