# SPDX-License-Identifier: Apache-2.0
"""Watches what each test of the suite makes or prints for a token: log lines, errors, XComs, requests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaks import Evidence, listening

_TESTS = Path(__file__).parents[1]
_LEFT_OUT = {
    "sandbox": "the platform's own side hands its tokens out",
    "demo": "no token is near",
    "domain": "pure: no token is near",
    "secrets": "collects more by itself, and leaks on purpose to see that leaks are found",
    "faults": "collects more by itself",
    "support": "is tested with leaks",
}


def is_watched(item: pytest.Item) -> bool:
    """Return whether a test must not leave a token anywhere."""
    folder = item.path.relative_to(_TESTS).parts[0]
    return folder not in _LEFT_OUT and item.get_closest_marker("shows_tokens") is None


def printed(report: pytest.TestReport) -> list[str]:
    """Return where a test printed a token."""
    evidence = Evidence()
    for name, text in report.sections:
        evidence.add(name, text)
    return evidence.find()


@contextmanager
def watching(evidence: Evidence) -> Iterator[None]:
    """Collect everything that is made until this ends, wherever it goes."""
    from airflow_rollback_provider.domain.errors import RollbackError
    from airflow_rollback_provider.http.messages import Request
    from tests.support.task_run import TaskInstance

    with pytest.MonkeyPatch.context() as patch, listening(evidence, drop=False):
        _after(patch, RollbackError, "__init__", lambda error, *_: evidence.add("exception", error.args))
        _after(patch, Request, "__init__", lambda request, *_, **__: evidence.add("request", _shown(request)))
        _after(patch, TaskInstance, "xcom_push", lambda _, key, value: evidence.add("xcom", {key: value}))
        yield


def _shown(request: Any) -> tuple[str, str, Any]:
    """Return all of a request but its headers, where the token belongs."""
    return repr(request), request.url, request.body


def _after(patch: pytest.MonkeyPatch, owner: type, name: str, look: Callable[..., None]) -> None:
    """Call a function with the arguments of a method after each call of it."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        look(self, *args, **kwargs)
        return result

    patch.setattr(owner, name, called)
