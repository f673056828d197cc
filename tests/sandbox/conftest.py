# SPDX-License-Identifier: Apache-2.0
"""A world with a frozen clock, and functions that call its APIs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.factories import Draft, from_drafts, make_deployment
from airflow_rollback_provider.sandbox.graphql_api import Session, execute, read_operation
from airflow_rollback_provider.sandbox.model import ORGANIZATION, Deployment, make_id
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.scenarios import make_world
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sandbox.world import World
from tests.support import openapi

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)

Ask = Callable[..., dict[str, Any]]
DrainResult = Callable[..., requests.Response]


@pytest.fixture
def clock() -> Clock:
    """A clock that only a test moves."""
    return Clock(lambda: NOW)


@pytest.fixture
def world(clock: Clock) -> World:
    """The default scenario under that clock."""
    return make_world("default", clock)


@pytest.fixture
def ask(world: World) -> Ask:
    """Call the GraphQL API of that world; returns the body of the response."""

    def ask(query: str, token: str | None = "editor", **variables: Any) -> dict[str, Any]:
        value = TOKENS[token].value if token in TOKENS else token
        return execute(Session(world, value), read_operation(query), variables).body

    return ask


@pytest.fixture
def add(world: World, clock: Clock) -> Callable[..., Deployment]:
    """Put a Deployment with these drafts into the world."""

    def add(
        *drafts: Draft, runtime: str = "3.1-12", mechanism: str = "dag_deploy", **more: Any
    ) -> Deployment:
        rows = from_drafts(lambda: drafts)
        names: dict[str, Any] = {"label": "Mine", "release": "my-release"}
        deployment = make_deployment(
            "mine", rows, clock.now(), runtime=runtime, mechanism=mechanism, **names, **more
        )
        world.deployments[deployment.id] = deployment
        return deployment

    return add


@pytest.fixture
def rest(rollback_sandbox: SandboxProcess) -> DrainResult:
    """Call hosted Astro's API over HTTP.

    If the platform's document is available, each response must match it, and each accepted request too.
    """

    def ask(
        method: str,
        path: str,
        body: Any = None,
        token: str | None = "editor",
        organization: str = ORGANIZATION.id,
        **headers: str,
    ) -> requests.Response:
        url = f"{rollback_sandbox.url}/v1/organizations/{organization}{path}"
        if token is not None:
            headers["authorization"] = f"Bearer {TOKENS[token].value}"
        if body is not None:
            headers.setdefault("content-type", "application/json")
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        answer = requests.request(method, url, data=data, headers=headers, timeout=30)
        if openapi.PATH.is_file():
            openapi.check_answer(method, url, answer.status_code, answer.headers, answer.content)
            if answer.ok:
                openapi.check_request(method, url, headers, data)
        return answer

    return ask


def deployment_path(key: str, rest: str = "") -> str:
    """Return the path of a seeded Deployment, below the organization."""
    return f"/deployments/{deployment_id(key)}{rest}"


def deployment_id(key: str) -> str:
    """Return the id of a seeded Deployment."""
    return make_id(key, "deployment")
