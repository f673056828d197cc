# SPDX-License-Identifier: Apache-2.0
"""References of container images, compared as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass

# What Kubernetes puts in front of a short name when it writes it down.
_IMPLIED = ("docker.io/library/", "docker.io/", "index.docker.io/")


@dataclass(frozen=True)
class ImageReference:
    """A reference such as ``registry.example.com:5000/team/airflow:release-42``.

    :param repository: everything before the tag; None where only the tag is known.
    :param tag: the tag.
    """

    repository: str | None
    tag: str

    @classmethod
    def read(cls, text: str) -> ImageReference:
        """Read a reference; without a colon behind the last slash it is a tag alone, or a repository with
        ``latest`` if it has a slash."""
        name = text.strip().partition("@")[0]
        for prefix in _IMPLIED:
            name = name.removeprefix(prefix)
        head, slash, tail = name.rpartition("/")
        base, colon, tag = tail.partition(":")
        if not colon:
            return cls(name, "latest") if slash else cls(None, name)
        return cls(f"{head}{slash}{base}", tag)

    def is_met_by(self, image: str) -> bool:
        """Tell whether a container's image is this one; without a repository the tag decides."""
        other = ImageReference.read(image)
        return other.tag == self.tag and self.repository in (None, other.repository)
