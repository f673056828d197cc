# SPDX-License-Identifier: Apache-2.0
"""References of container images, compared as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass

# What Kubernetes puts in front of a short name when it writes it down.
_IMPLIED = ("docker.io/library/", "docker.io/", "index.docker.io/")


@dataclass(frozen=True)
class ImageReference:
    """A reference such as ``registry.example.com:5000/team/airflow:release-42@sha256:…``.

    :param repository: everything before the tag; None where it is not known.
    :param tag: the tag; None where a digest stands in its place.
    :param digest: the digest, which names the content itself; None where there is none.
    """

    repository: str | None
    tag: str | None
    digest: str | None = None

    @classmethod
    def read(cls, text: str) -> ImageReference:
        """Read a reference. Without a slash, a colon and a digest it is a tag alone; a repository has the tag
        ``latest`` where it has neither tag nor digest."""
        name, _, digest = text.strip().partition("@")
        if name.startswith("sha256:"):
            return cls(None, None, name)
        for prefix in _IMPLIED:
            name = name.removeprefix(prefix)
        head, slash, tail = name.rpartition("/")
        base, colon, tag = tail.partition(":")
        if colon:
            return cls(f"{head}{slash}{base}", tag, digest or None)
        if digest:
            return cls(name or None, None, digest)
        return cls(name, "latest") if slash else cls(None, name)

    def is_met_by(self, image: str, image_id: str = "") -> bool:
        """Tell whether a container's image is this one.

        A digest decides where this reference has one, else the tag. Where the repository is not known it does
        not count.

        :param image: the image that the container was to run.
        :param image_id: what was pulled for it, as the container's status tells.
        """
        other = ImageReference.read(image)
        if self.repository not in (None, other.repository):
            return False
        if self.digest is not None:
            return self.digest == (other.digest or image_id.partition("@")[2])
        return self.tag is not None and self.tag == other.tag

    def may_be(self, image: str) -> bool:
        """Tell whether an image may turn out to be this one: a tag's digest is seen once it is pulled."""
        other = ImageReference.read(image)
        if self.digest is None or other.digest is not None:
            return self.is_met_by(image)
        return self.repository in (None, other.repository) and self.tag in (None, other.tag)

    def __str__(self) -> str:
        if self.repository is None:
            return f"the digest {self.digest}" if self.digest else f"the tag {self.tag}"
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}@{self.digest}" if self.digest else f"{self.repository}{tag}"
