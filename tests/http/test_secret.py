# SPDX-License-Identifier: Apache-2.0
"""Tests that a token does not leak."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import pytest

from airflow_rollback_provider.http.secret import Secret
from airflow_rollback_provider.platforms.registry import connect
from tests.support.talking import connection

TOKEN = "tok-3cr3t-value"


@dataclass(frozen=True)
class Holder:
    """Something with a secret in it."""

    secret: Secret


def test_a_secret_is_not_printed() -> None:
    """Neither its text nor its representation, alone or inside a dataclass, contains the token."""
    holder = Holder(Secret(TOKEN))
    assert TOKEN not in f"{holder} {holder!r} {holder.secret} {holder.secret!r} {vars(holder)}"
    assert holder.secret.reveal() == TOKEN


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy])
def test_a_secret_cannot_be_pickled_or_copied(write: object) -> None:
    """Pickling or copying an object with a secret raises an error."""
    with pytest.raises(TypeError, match="connection's id"):
        write(Holder(Secret(TOKEN)))  # type: ignore[operator]


def test_foreign_texts_are_cleaned() -> None:
    """A quoted text has no token, no line breaks, and some 500 characters at most."""
    quoted = Secret(TOKEN).quote(f"you sent\n{TOKEN}\r\n" + "x" * 10_000)
    assert quoted.startswith("you sent *** xxx")
    assert len(quoted) == 501


def test_a_connected_platform_does_not_show_the_token() -> None:
    """The platform and its policy can be printed, and cannot be pickled."""
    proxies = {"https": "http://user:pr0xypass@proxy:3128"}
    connected = connect(connection(password=TOKEN, extra={"proxies": proxies}))
    shown = f"{connected!r} {connected.platform!r} {connected.policy!r}"
    assert TOKEN not in shown
    assert "pr0xypass" not in shown
    assert connected.secrets == (TOKEN, "http://user:pr0xypass@proxy:3128")
    for thing in (connected, connected.platform):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
