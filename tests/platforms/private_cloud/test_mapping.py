# SPDX-License-Identifier: Apache-2.0
"""Tests of reading single values of the API."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Deployment, DeployStatus, Mechanism
from airflow_rollback_provider.domain.errors import MalformedAnswer
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
from airflow_rollback_provider.platforms.private_cloud.mapping import (
    read_deploy,
    read_deployment,
    read_flag,
    read_roles,
)

FLAGS = Assumptions().flags
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
)


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({"deploymentLifecycle": {"deployRollback": {"enabled": True}}}, (FLAGS[0], True)),
        ({"deploymentLifecycle": {"deployRollback": {"enabled": False}}}, (FLAGS[0], False)),
        ({"deploymentLifecycle.deployRollback.enabled": True}, (FLAGS[0], True)),
        ({"deployRollback": {"enabled": "true"}}, (FLAGS[1], True)),
        ({"deployRollbackEnabled": False}, (FLAGS[2], False)),
        ({"deployRollback": "False"}, (FLAGS[3], False)),
        ({"deployRollback": {"other": True}}, (None, None)),
        ({"deployRollbackEnabled": 1}, (None, None)),
        (None, (None, None)),
        ("on", (None, None)),
    ],
)
def test_the_flag_is_found_in_any_of_its_places(flags: Any, found: tuple[str | None, bool | None]) -> None:
    """The likeliest key counts first; an absent flag or another value is unknown."""
    assert read_flag(flags, FLAGS) == found


@given(JSON)
def test_no_row_raises_anything_else(values: Any) -> None:
    """Any JSON is read or raises an error that names the field."""
    for read in (
        lambda: read_deploy(values, "deploys", "c1", Assumptions()),
        lambda: read_deployment(values, "deployment"),
    ):
        with pytest.raises(MalformedAnswer):
            read()


@given(
    st.dictionaries(
        st.sampled_from(["type", "imageTag", "runtimeVersion", "dagDeploymentType", "scope", "description"]),
        st.none() | st.text() | st.integers(),
    )
)
def test_unknown_words_pass_through(values: dict[str, Any]) -> None:
    """A history with unknown words can be read."""
    row = {"id": "d1", "createdAt": "2026-11-01T00:00:00Z", "status": "PAUSED", **values}
    deploy = read_deploy(row, "deploys", "c1", Assumptions())
    assert deploy.status is DeployStatus.UNKNOWN
    assert '"statuses": {"PAUSED": ' in (deploy.status_reason or "")
    assert deploy.deployment_id == "c1"
    assert isinstance(deploy.mechanism, Mechanism)
    assert deploy.description is not None


@pytest.mark.parametrize(
    ("bindings", "is_admin", "roles"),
    [
        ([{"role": "DEPLOYMENT_EDITOR", "deployment": {"id": "c1"}}], False, {"DEPLOYMENT_EDITOR"}),
        ([{"role": "DEPLOYMENT_ADMIN", "deployment": {"id": "c2"}, "workspace": None}], None, None),
        ([{"role": "WORKSPACE_VIEWER", "workspace": {"id": "w1"}}], False, {"WORKSPACE_VIEWER"}),
        ([{"role": "WORKSPACE_ADMIN", "workspace": {"id": "w2"}}], False, None),
        ([], True, {"SYSTEM_ADMIN"}),
        (None, None, None),
        ("nonsense", "yes", None),
    ],
)
def test_the_roles_are_those_that_apply_to_the_deployment(
    bindings: object, is_admin: object, roles: set[str] | None
) -> None:
    """A role on another Deployment or in another workspace says nothing about this one."""
    deployment = Deployment("c1", "One", workspace_id="w1")
    assert read_roles(bindings, is_admin, deployment) == roles
