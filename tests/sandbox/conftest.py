# SPDX-License-Identifier: Apache-2.0
"""A world under a clock that stands still, and ways to ask it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_rollback_provider.sandbox.building import Draft, from_drafts, make_deployment
from airflow_rollback_provider.sandbox.clock import Clock
from airflow_rollback_provider.sandbox.graphql_api import Session, execute, read_operation
from airflow_rollback_provider.sandbox.model import Deployment, make_id
from airflow_rollback_provider.sandbox.scenarios import make_world
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sandbox.world import World

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def clock() -> Clock:
    """A clock that moves only when a test moves it."""
    return Clock(lambda: NOW)


@pytest.fixture
def world(clock: Clock) -> World:
    """The default scenario under that clock."""
    return make_world("default", clock)


@pytest.fixture
def ask(world: World) -> Ask:
    """Ask the GraphQL face of that world; gives the body of the answer."""

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
        names = {"label": "Mine", "release": "my-release"}
        deployment = make_deployment(
            "mine", rows, clock.now(), runtime=runtime, mechanism=mechanism, **names, **more
        )
        world.deployments[deployment.id] = deployment
        return deployment

    return add


def deployment_id(key: str) -> str:
    """Return the id of a seeded Deployment."""
    return make_id(key, "deployment")
