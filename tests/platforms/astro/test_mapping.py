# SPDX-License-Identifier: Apache-2.0
"""Tests of reading single values of hosted Astro's API."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import DeployStatus, Mechanism
from airflow_rollback_provider.domain.errors import MalformedAnswer
from airflow_rollback_provider.platforms.astro.mapping import read_deploy, read_deployment
from airflow_rollback_provider.platforms.rows import Row

DEPLOY = {"id": "d1", "deploymentId": "c1", "createdAt": "2026-11-01T00:00:00Z", "status": "DEPLOYED"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
)


@given(JSON)
def test_no_row_raises_anything_else(values: Any) -> None:
    """Any JSON is read or raises an error that names the field."""
    for read in (read_deploy, read_deployment):
        with pytest.raises(MalformedAnswer):
            read(Row("deploys", values))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"bundles": [{"mountPath": "dbt/a", "currentVersion": "1"}]}, ["dbt/a 1"]),
        ({"bundles": [{"mountPath": "a", "currentVersion": "1", "desiredVersion": "2"}]}, ["a 2"]),
        ({"bundles": [{"name": "orders", "mountPath": "a", "currentVersion": "1"}]}, ["orders 1"]),
        ({"bundles": [{"name": "main", "isDefault": True, "currentVersion": "1"}]}, []),
        ({"bundles": [{"id": "b1"}, {}]}, ["b1 (version not known)", "without a name (version not known)"]),
        ({"type": "BUNDLE", "bundleMountPath": "dbt/a"}, ["dbt/a (version not known)"]),
        ({"bundleMountPath": "a", "bundles": [{"mountPath": "a", "currentVersion": "3"}]}, ["a 3"]),
    ],
)
def test_named_bundles(values: dict[str, Any], expected: list[str]) -> None:
    """The version that the deploy brings counts; the default bundle is not a named one."""
    row = read_deploy(Row("deploys", {**DEPLOY, **values}))
    assert [str(bundle) for bundle in row.bundles] == expected


@given(
    st.dictionaries(
        st.sampled_from([
            "type",
            "imageTag",
            "astroRuntimeVersion",
            "git",
            "createdBySubject",
            "description",
        ]),
        st.none() | st.text() | st.integers(),
    ),
    st.text(min_size=1).filter(lambda word: word not in ("INITIALIZED", "DEPLOYED", "FAILED")),
)
def test_unknown_words_pass_through(values: dict[str, Any], status: str) -> None:
    """A history with unknown words can be read; an unknown status is neither success nor failure."""
    deploy = read_deploy(Row("deploys", {**DEPLOY, "status": status, **values}))
    assert deploy.status is DeployStatus.UNKNOWN
    assert not deploy.status.settled
    assert deploy.type == str(values.get("type") or "") or values.get("type") == 0


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("INITIALIZED", DeployStatus.IN_PROGRESS),
        ("DEPLOYED", DeployStatus.SUCCEEDED),
        ("FAILED", DeployStatus.FAILED),
        ("ROLLING", DeployStatus.UNKNOWN),
        ("deployed", DeployStatus.UNKNOWN),
    ],
)
def test_each_status_has_its_meaning(word: str, status: DeployStatus) -> None:
    """A word in another spelling is unknown."""
    assert read_deploy(Row("deploys", {**DEPLOY, "status": word})).status is status


@pytest.mark.parametrize(
    ("subject", "author"),
    [
        ({"id": "u1", "subjectType": "USER", "username": "a@b.c", "fullName": "Ana"}, "a@b.c"),
        ({"id": "t1", "subjectType": "SERVICEKEY", "apiTokenName": "deployer"}, "deployer"),
        ({"id": "u1", "fullName": "Ana"}, "Ana"),
        ({"id": "u1"}, "u1"),
        ({}, None),
        (None, None),
    ],
)
def test_a_deploy_has_an_author(subject: Any, author: str | None) -> None:
    """A user has a username, a token a name, another subject what is there."""
    assert read_deploy(Row("deploys", {**DEPLOY, "createdBySubject": subject})).created_by == author


@pytest.mark.parametrize(
    ("enabled", "mechanism"),
    [
        (True, Mechanism.DAG_DEPLOY),
        (False, Mechanism.IMAGE),
        (None, Mechanism.UNKNOWN),
        ("x", Mechanism.UNKNOWN),
    ],
)
def test_the_mechanism_is_one_of_two(enabled: Any, mechanism: Mechanism) -> None:
    """A value that is not a truth value is unknown."""
    values = {"id": "c1", "isDagDeployEnabled": enabled}
    assert read_deployment(Row("deployment", values)).mechanism is mechanism
    assert read_deploy(Row("deploys", {**DEPLOY, **values})).mechanism is mechanism


def test_unavailable_versions_are_unknown() -> None:
    """The platform returns NA if it does not find the Airflow version."""
    row = {"id": "c1", "airflowVersion": "NA", "astroRuntimeVersion": ""}
    assert not read_deployment(Row("deployment", row)).versions.known
    old = read_deployment(Row("deployment", {**row, "runtimeVersion": "12.1.0"}))
    assert str(old.versions.runtime) == "12.1.0"
