# SPDX-License-Identifier: Apache-2.0
"""The search through the whole suite finds leaks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import PlatformUnreachable
from airflow_rollback_provider.http.messages import Request
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.support.everywhere import is_watched, printed, watching
from tests.support.leaks import Evidence, require_no_token_in
from tests.support.task_run import TaskInstance

TOKEN = TOKENS["editor"].value
LEAKS: dict[str, Callable[[], object]] = {
    "log": lambda: logging.getLogger("urllib3").debug("headers %s", {"authorization": TOKEN}),
    "error": lambda: PlatformUnreachable(f"it refused {TOKEN}"),
    "request's address": lambda: Request("check", "GET", f"https://example.com/?token={TOKEN}"),
    "request's body": lambda: Request("check", "POST", "https://example.com", {"token": TOKEN}),
    "xcom": lambda: TaskInstance().xcom_push("result", {"token": TOKEN}),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_found(leak: str) -> None:
    """A token anywhere but in the header of a request is a leak."""
    evidence = Evidence()
    with watching(evidence):
        LEAKS[leak]()
    assert evidence.find()


def test_a_header_is_no_leak() -> None:
    """The token belongs there."""
    evidence = Evidence()
    with watching(evidence):
        Request("check", "GET", "https://example.com", headers={"authorization": TOKEN})
    evidence.require_clean()


def test_captured_output_is_searched() -> None:
    """The output that pytest captured is searched."""
    report: Any = SimpleNamespace(sections=[("Captured stdout call", f"export TOKEN={TOKEN}")])
    assert printed(report)
    report.sections = [("Captured stdout call", "export TOKEN=***")]
    assert not printed(report)


def test_files_are_searched(tmp_path: Any) -> None:
    """A token in any file of an Airflow's home is found."""
    airflow: Any = SimpleNamespace(home=tmp_path)
    (tmp_path / "airflow.db").write_bytes(b"\x00roll_back\xff")
    require_no_token_in(airflow)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "task.log").write_bytes(b"\xff" + TOKEN.encode())
    with pytest.raises(AssertionError, match=r"task\.log"):
        require_no_token_in(airflow)


def test_most_of_the_suite_is_searched(request: pytest.FixtureRequest) -> None:
    """No test with tokens is left out by accident."""
    watched = {item.path.parent.name for item in request.session.items if is_watched(item)}
    ran = {item.path.parent.name for item in request.session.items}
    assert {"hooks", "operators", "platforms", "cli", "triggers", "links", "crash"} & ran <= watched
