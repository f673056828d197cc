# SPDX-License-Identifier: Apache-2.0
"""Decodes the body of an answer.

Both transports use it, since ``requests`` and ``httpx`` know different codings, and ``httpx`` drops all but
the first member of a gzip body.
"""

from __future__ import annotations

import zlib
from typing import Any

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_FORMATS = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, _RAW)}


class Decoder:
    """Decodes a body in parts. Only one coding is accepted: a small body with several could become huge.

    :param codings: the header ``Content-Encoding``.
    :raises ValueError: for a coding that no request accepts.
    """

    def __init__(self, codings: str) -> None:
        named = (part.strip().lower() for part in codings.split(","))
        names = [name for name in named if name not in ("", "identity")]
        if len(names) > 1 or not all(name in _FORMATS for name in names):
            raise ValueError(f"the coding {codings!r} was not requested")
        self._formats = list(_FORMATS[names[0]]) if names else []
        self._member: Any = None
        self._complete = False

    def decode(self, chunk: bytes) -> bytes:
        """Return what a part of the body stands for.

        :raises zlib.error: when it is not of this coding.
        """
        if not self._formats:
            return chunk
        decoded = bytearray()
        while chunk:
            if self._member is None or self._member.eof:
                self._complete = self._member is not None
                self._member = zlib.decompressobj(self._formats[0])
            try:
                decoded += self._member.decompress(chunk)
            except zlib.error:
                if self._complete:  # padding behind the last member
                    break
                if len(self._formats) == 1:
                    raise
                self._formats, self._member = self._formats[1:], None
            else:
                chunk = self._member.unused_data
        return bytes(decoded)

    def finish(self) -> None:
        """Check that the body is complete.

        :raises ValueError: when it is not.
        """
        if self._member is not None and not self._member.eof and not self._complete:
            raise ValueError("the encoded body ends too early")
