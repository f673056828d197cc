# SPDX-License-Identifier: Apache-2.0
"""Image references, compared as far as they are known."""

from __future__ import annotations

import pytest

from airflow_rollback_provider.pods.images import ImageReference


@pytest.mark.parametrize(
    ("wanted", "image", "met"),
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
def test_by_tag(wanted: str, image: str, met: bool) -> None:
    """Compared by repository and tag, by the tag alone where no more is known."""
    assert ImageReference.read(wanted).is_met_by(image) is met


@pytest.mark.parametrize(
    ("wanted", "image", "image_id", "met"),
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
def test_by_digest(wanted: str, image: str, image_id: str, met: bool) -> None:
    """Who names a digest means these very bytes; what only has a tag has to show what was pulled for it."""
    assert ImageReference.read(wanted).is_met_by(image, image_id) is met


@pytest.mark.parametrize(
    ("wanted", "image", "may"),
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
def test_what_a_tag_may_turn_out_to_be(wanted: str, image: str, may: bool) -> None:
    """Before anything is pulled, a tag may stand for a digest."""
    assert ImageReference.read(wanted).may_be(image) is may


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
    """For the sentence that says what does not run."""
    assert str(ImageReference.read(text)) == words
