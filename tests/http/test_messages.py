# SPDX-License-Identifier: Apache-2.0
"""Tests of what an answer holds."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_rollback_provider.domain.errors import MalformedAnswer
from airflow_rollback_provider.http.messages import Response


def answer(body: bytes) -> Response:
    """Return an answer with this body."""
    return Response(200, {}, body, datetime(2026, 11, 1, tzinfo=timezone.utc))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"why": "fix \ud83d"}', {"why": "fix \ufffd"}),
        (rb'{"why": ["\uDE00 fix", {"\ud83d": 1}]}', {"why": ["\ufffd fix", {"\ufffd": 1}]}),
        (rb'{"why": "fix \ud83d\ude00"}', {"why": "fix \U0001f600"}),
        (rb'{"why": "fix \\ud83d"}', {"why": "fix \\ud83d"}),
        ("\ufeff[1]".encode(), [1]),
        ("[1]".encode("utf-16"), [1]),
    ],
)
def test_half_of_a_character_is_replaced(body: bytes, value: object) -> None:
    """A text that was cut within an emoji can be written neither as UTF-8 nor into an XCom."""
    assert answer(body).json("Deploys") == value


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b'"\xed\xa0\xbd"', b"[" * 100_000])
def test_what_is_no_json_is_named(body: bytes) -> None:
    """Also half of a character in bytes, and what is nested too deeply."""
    with pytest.raises(MalformedAnswer, match="is not JSON"):
        answer(body).json("Deploys")
