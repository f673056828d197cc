# SPDX-License-Identifier: Apache-2.0
"""Tests that a token does not leak."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import pytest

from airflow_rollback_provider.deploy_events.subscription import broken_off as deploys_broken_off
from airflow_rollback_provider.domain.errors import InvalidConnection, OutcomeUnknown, RollbackError
from airflow_rollback_provider.domain.redaction import quote_error
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


def test_every_error_is_cleaned() -> None:
    """Whatever a message quotes, a credential of a known form and control characters are not in it."""
    for kind in (RollbackError, OutcomeUnknown, InvalidConnection):
        error = kind("cannot use http://user:pr0xypass@proxy:1\x1b[2J\nNext line")
        assert str(error) == "cannot use http://***@proxy:1 [2J\nNext line"
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("raw", [ValueError, ImportError, OSError])
def test_what_a_wait_says_of_an_unexpected_error_is_cleaned(raw: type[Exception]) -> None:
    """It goes to the trigger's event and to XCom."""
    error = raw("Unknown scheme for proxy URL('http://user:pr0xypass@proxy:1')")
    shown = quote_error(error)
    assert "pr0xypass" not in shown
    assert raw.__name__ in shown
    assert "pr0xypass" not in deploys_broken_off("c1", error).message


def test_a_connected_platform_does_not_show_the_token() -> None:
    """The platform and its policy can be printed, and cannot be pickled."""
    proxies = {"https": " http://user:pr0xypass@proxy:3128"}
    connected = connect(connection(password=TOKEN, extra={"proxies": proxies}))
    shown = f"{connected!r} {connected.platform!r} {connected.policy!r}"
    assert TOKEN not in shown
    assert "pr0xypass" not in shown
    assert connected.secrets == (TOKEN, "http://user:pr0xypass@proxy:3128", "pr0xypass")
    for thing in (connected, connected.platform):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
