# SPDX-License-Identifier: Apache-2.0
"""The files of the built front-end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

DIST = Path(__file__).parent / "www" / "dist"

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class File:
    """One file of the front-end.

    :param kind: its media type.
    :param etag: changes with the content.
    """

    content: bytes
    kind: str
    etag: str

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers. A browser must revalidate the file each time, because an upgrade changes it."""
        return {
            "Cache-Control": "private, no-cache",
            "Content-Type": self.kind,
            "ETag": self.etag,
            "X-Content-Type-Options": "nosniff",
        }


def read_file(name: str) -> File | None:
    """Return a file of the front-end by its name, None if there is none.

    :param name: the name; a path to another folder finds nothing.
    """
    file = DIST / name
    if file.suffix not in _TYPES or file not in DIST.glob("*"):
        return None
    content = file.read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:20]
    return File(content, _TYPES[file.suffix], f'"{etag}"')
