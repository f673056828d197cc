# SPDX-License-Identifier: Apache-2.0
"""Credentials that expire while a task waits for pods: an exec plugin gives them, as on EKS."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.operators.verify import VerifyPodsOperator
from tests.support.pods import RELEASE, pod
from tests.support.servers import reply, serving
from tests.support.task_run import run

pytestmark = [
    pytest.mark.parametrize("deferrable", [False, True], ids=["polling", "deferred"]),
    # The Kubernetes client that Airflow 2.10 gets.
    pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning"),
]

_VERSION = "client.authentication.k8s.io/v1beta1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll again soon, also after a refusal."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.1)


class Tokens:
    """Tokens of which a server accepts only the latest. The plugin is ``cat`` with the file of that one.

    :param file: what the plugin prints.
    :param last: number of requests that a token lasts.
    :param expire: makes the next token, or none.
    """

    def __init__(self, file: Path, last: int, expire: Callable[[Tokens], None]) -> None:
        self.file = file
        self.made = 0
        self._last = last
        self._expire = expire
        self._left = 0

    def make(self) -> None:
        """Make the next token."""
        self.made += 1
        self._left = self._last
        credential = {"apiVersion": _VERSION, "kind": "ExecCredential", "status": {"token": f"t{self.made}"}}
        self.file.write_text(json.dumps(credential), encoding="utf-8")

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer as the API server: every list of pods has one, every other list is empty."""
        if handler.headers.get("authorization") != f"Bearer t{self.made}" or not self._left:
            return reply(401, json.dumps({"message": "Unauthorized"}).encode())(handler)
        self._left -= 1
        if not self._left:
            self._expire(self)
        items = [pod()] if "/pods" in handler.path else []
        return reply(200, json.dumps({"items": items}).encode(), content_type="application/json")(handler)


def kubeconfig(server: str, file: Path) -> str:
    """Return an Airflow connection with the plugin."""
    plugin = {"apiVersion": _VERSION, "command": "cat", "args": [str(file)], "interactiveMode": "Never"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {"exec": plugin}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path = file.with_name("kubeconfig.json")
    path.write_text(json.dumps(config), encoding="utf-8")
    return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config_path": str(path)}})


def verify(tokens: Tokens, monkeypatch: pytest.MonkeyPatch, **kwargs: Any) -> dict[str, Any]:
    """Run the operator against a server that takes these tokens."""
    import_module("airflow.providers.cncf.kubernetes.hooks.kubernetes")  # takes longer than the timeouts here
    with serving(tokens.respond) as (server, _):
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", kubeconfig(server, tokens.file))
        arguments: dict[str, Any] = {"min_ready_seconds": 0.5, "poll_interval": 0.1, **kwargs}
        return run(VerifyPodsOperator(task_id="verify", release_name=RELEASE, **arguments))


def test_expired_credentials_are_read_again(
    deferrable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired token neither ends the wait nor begins the time of being ready anew."""
    tokens = Tokens(tmp_path / "credential.json", 2, Tokens.make)  # a poll sends more requests
    tokens.make()
    assert verify(tokens, monkeypatch, deferrable=deferrable)["ready"]
    assert tokens.made > 2


def withdrawn(tokens: Tokens) -> None:
    """Give no valid token any more."""


def broken(tokens: Tokens) -> None:
    """Let the plugin fail."""
    tokens.file.unlink()


@pytest.mark.parametrize("expire", [withdrawn, broken])
def test_a_refusal_after_success_is_retried(
    deferrable: bool, expire: Callable[[Tokens], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that worked may work again later: the task's retries apply."""
    tokens = Tokens(tmp_path / "credential.json", 3, expire)
    tokens.make()
    with pytest.raises(errors.WaitBrokenOff, match="kubernetes_default") as failure:
        verify(tokens, monkeypatch, deferrable=deferrable, timeout=5.0)
    assert not isinstance(failure.value, AirflowFailException)


def test_a_refusal_at_once_is_final(
    deferrable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that never worked are not tried again by the task's retries."""
    tokens = Tokens(tmp_path / "credential.json", 0, withdrawn)
    tokens.make()
    with pytest.raises(errors.AccessDenied, match="HTTP 401: Unauthorized") as failure:
        verify(tokens, monkeypatch, deferrable=deferrable)
    assert isinstance(failure.value, AirflowFailException)
