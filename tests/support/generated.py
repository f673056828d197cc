# SPDX-License-Identifier: Apache-2.0
"""Tables in the documentation that tests make: compared in every run, written on request.

``ROLLBACK_WRITE_DOCS=1 pytest …`` writes them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITE = os.environ.get("ROLLBACK_WRITE_DOCS") == "1"


def check_or_write(path: str, marker: str, text: str) -> None:
    """Require that a document holds a text between two markers; with ``ROLLBACK_WRITE_DOCS=1`` put it there.

    :param path: the document, seen from the root of the checkout.
    :param marker: the text stands between ``<!-- begin MARKER -->`` and ``<!-- end MARKER -->``.
    :param text: what belongs there.
    """
    document = ROOT / path
    begin, end = f"<!-- begin {marker} -->", f"<!-- end {marker} -->"
    content = document.read_text(encoding="utf-8")
    if content.count(begin) != 1 or content.count(end) != 1:
        pytest.fail(f"{path} must hold {begin} and {end} once each.")
    head, _, rest = content.partition(begin)
    kept, _, tail = rest.partition(end)
    wanted = f"\n\n{text.strip()}\n\n"
    if kept == wanted:
        return
    if not WRITE:
        assert kept.strip().splitlines() == text.strip().splitlines(), (
            f"{path} is out of date: run this test with ROLLBACK_WRITE_DOCS=1 and read the difference."
        )
    document.write_text(f"{head}{begin}{wanted}{end}{tail}", encoding="utf-8")
