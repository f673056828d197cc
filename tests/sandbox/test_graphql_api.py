# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.sandbox.clock import iso
from airflow_rollback_provider.sandbox.errors import EXPIRED_TEXT, PERMISSION_TEXT
from airflow_rollback_provider.sandbox.graphql_api import read_operation
from airflow_rollback_provider.sandbox.model import make_id
from airflow_rollback_provider.sandbox.world import World

Ask = Callable[..., dict[str, Any]]

BILLING = make_id("image-af3", "deployment")
ORDERS = make_id("dag-deploy-af3", "deployment")
MARKETING = make_id("other-workspace", "deployment")

HISTORY = "query($id: Uuid!) { paginatedDeployRevisions(deploymentUuid: $id, take: 5) { id status } }"
ONE = "query($id: Uuid!, $row: Uuid!) { deployRevision(deploymentUuid: $id, id: $row) { id description } }"
DEPLOYMENT = "query($id: String!) { deployment(where: {id: $id}) { id label } }"
LOGS = "query($id: Uuid!, $since: DateTime) { logs(deploymentUuid: $id, timestamp: $since) { message } }"
ROLLBACK = """
mutation RollBack($id: Uuid!, $row: Uuid!, $scope: RollbackScope!, $why: String!) {
  rollbackDeployment(deploymentUuid: $id, deployRevisionUuid: $row, scope: $scope, description: $why) {
    id status rollbackFromId scope description createdBy { username kind }
  }
}
"""


def messages(body: dict[str, Any]) -> list[str]:
    return [error["message"] for error in body.get("errors", ())]


def test_every_field_of_the_schema_is_answered(ask: Ask) -> None:
    """Each field of a Deployment, a deploy and the rest gives a value of its type."""
    query = """query($id: Uuid!, $key: String!) {
      appConfig(deploymentUuid: $id) { version baseDomain byoUpdateRegistryHost smtpConfigured featureFlags }
      deployment(where: {id: $key}) { id type label releaseName workspace { id label } runtimeVersion
        runtimeAirflowVersion urls { type url } dagDeployment { type } clusterId version createdAt updatedAt
        deployInfo { nextCli current } deployRollbackEnabled status namespace }
      paginatedDeployRevisions(deploymentUuid: $id) { id deploymentUuid type status imageTag imageRepository
        runtimeVersion airflowVersion dagBundleVersion dagDeploymentType gitCommit gitRepository gitBranch
        description createdAt updatedAt createdBy { id username fullName kind }
        rollbackFromId scope statusReason }
      runtimeReleases { version airflowVersion airflowDatabaseMigrations }
      self { id username kind tokenExpiresAt permissions(deploymentUuid: $id) }
    }"""
    body = ask(query, id=ORDERS, key=ORDERS)
    assert "errors" not in body
    data = body["data"]
    assert data["appConfig"]["featureFlags"] == {"deploymentLifecycle": {"deployRollback": {"enabled": True}}}
    assert data["deployment"]["dagDeployment"] == {"type": "dag_deploy"}
    assert data["deployment"]["deployInfo"]["current"] == "release-44"
    latest, failed = data["paginatedDeployRevisions"][:2]
    assert latest["imageTag"] == "release-44"
    assert (failed["status"], failed["statusReason"]) == (
        "FAILED",
        "helm upgrade failed: image pull back-off",
    )
    assert all(value is not None for key, value in data["deployment"].items())


def test_a_rollback_is_answered_with_its_row(ask: Ask, world: World) -> None:
    """The mutation gives the new row at once; the history has it on top."""
    target = ask(HISTORY, id=ORDERS)["data"]["paginatedDeployRevisions"][2]["id"]
    body = ask(ROLLBACK, "service-account", id=ORDERS, row=target, scope="IMAGE_AND_DAGS", why="It is broken")
    row = body["data"]["rollbackDeployment"]
    assert row == {
        "id": row["id"],
        "status": "INITIALIZED",
        "rollbackFromId": target,
        "scope": "IMAGE_AND_DAGS",
        "description": "It is broken",
        "createdBy": {"username": "rollback-bot", "kind": "service_account"},
    }
    world.clock.advance(3)
    assert ask(HISTORY, id=ORDERS)["data"]["paginatedDeployRevisions"][0] == {
        "id": row["id"],
        "status": "DEPLOYED",
    }


@pytest.mark.parametrize(
    ("token", "sees", "history", "logs"),
    [
        ("editor", True, True, True),
        ("no-history", True, False, True),
        ("service-account", True, True, True),
        ("other-workspace", False, False, False),
    ],
)
def test_a_token_reads_what_its_permissions_allow(
    ask: Ask, token: str, sees: bool, history: bool, logs: bool
) -> None:
    """Without the permission the response has the platform's message and no data."""
    for query, allowed in ((DEPLOYMENT, sees), (HISTORY, history), (LOGS, logs)):
        body = ask(query, token, id=BILLING)
        assert messages(body) == ([] if allowed else [PERMISSION_TEXT])
        assert bool(body["data"] and any(body["data"].values())) is allowed


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("expired", EXPIRED_TEXT),
        (None, PERMISSION_TEXT),
        ("Bearer secret", PERMISSION_TEXT),
    ],
)
def test_a_bad_token_is_refused_everywhere_but_for_the_configuration(
    ask: Ask, token: str, expected: str
) -> None:
    """Only appConfig is open; each other field returns the error of the token."""
    for query in (DEPLOYMENT, HISTORY, LOGS, "{ self { id } }", "{ runtimeReleases { version } }"):
        variables = {"id": BILLING} if "$id" in query else {}
        body = ask(query, token, **variables)
        assert messages(body) == [expected]
        assert body["errors"][0]["name"] == "AuthenticationError"
    assert "errors" not in ask("{ appConfig { version } }", token)


def test_only_readable_deployments_are_listed(ask: Ask) -> None:
    """Lists leave out the Deployments that the token may not read; a foreign workspace is refused."""
    listing = "{ paginatedDeployments(take: 101) { id workspace { id } } }"
    everything = ask(listing)["data"]["paginatedDeployments"]
    assert [item["id"] for item in ask(listing, "other-workspace")["data"]["paginatedDeployments"]] == [
        MARKETING
    ]
    assert len(ask(listing, "service-account")["data"]["paginatedDeployments"]) == len(everything) == 19
    workspace = everything[0]["workspace"]["id"]
    query = """query($id: Uuid!, $name: String) {
      workspaceDeployments(workspaceUuid: $id, releaseName: $name) { id } }"""
    assert len(ask(query, id=workspace)["data"]["workspaceDeployments"]) == 18
    named = ask(query, id=workspace, name="stellar-orbit-4821")
    assert named["data"]["workspaceDeployments"] == [{"id": BILLING}]
    assert messages(ask(query, "other-workspace", id=workspace)) == [PERMISSION_TEXT]
    assert messages(ask(query, id="nothing")) == ["Workspace with id nothing was not found"]


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        (DEPLOYMENT, {"id": "cnone"}, "Deployment with id cnone was not found"),
        (
            '{ deployment(where: {releaseName: "no-one"}) { id } }',
            {},
            "No deployment exists with releaseName: no-one",
        ),
        (HISTORY, {"id": "cnone"}, "Deployment with id cnone was not found"),
        (ONE, {"id": BILLING, "row": "cnone"}, "Deploy revision with id cnone was not found"),
        (ONE, {"id": BILLING, "row": make_id("image-af2", "deploy", 40)}, "was not found"),
        (LOGS, {"id": BILLING, "since": "yesterday"}, "DateTime cannot represent that value"),
        ("{ self { nonsense } }", {}, "Cannot query field 'nonsense' on type 'Self'."),
        ("{ self { id", {}, "Syntax Error"),
        ("query A { self { id } } query B { self { id } }", {}, "Must provide operation name"),
        ("query($id: Uuid!) { logs(deploymentUuid: $id) { id } }", {}, "$id"),
    ],
)
def test_bad_requests_get_a_clear_error(
    ask: Ask, query: str, variables: dict[str, Any], expected: str
) -> None:
    """Each error has a message and a name, and comes with no data of its field."""
    body = ask(query, **variables)
    assert expected in messages(body)[0]
    assert body["errors"][0]["name"]
    assert not any((body["data"] or {}).values())


def test_flags_are_merged_for_a_deployment_in_its_own_workspace(ask: Ask, world: World) -> None:
    """A Deployment's toggle is in the answer that names it; another workspace is refused."""
    query = """query($id: Uuid, $workspace: Uuid) {
      appConfig(deploymentUuid: $id, workspaceUuid: $workspace) { featureFlags } }"""
    locked = world.deployments[make_id("rollback-disabled", "deployment")]
    merged = ask(query, id=locked.id, workspace=locked.workspace.id)["data"]["appConfig"]["featureFlags"]
    assert merged == {"deploymentLifecycle": {"deployRollback": {"enabled": False}}}
    other = world.deployments[MARKETING].workspace.id
    assert "was not found" in messages(ask(query, id=locked.id, workspace=other))[0]


def test_logs_are_read_in_windows_of_two_days_or_by_the_day(ask: Ask, world: World) -> None:
    """Two times may be two days apart; a timestamp alone means its whole UTC day."""
    query = """query($id: Uuid!, $at: DateTime, $from: DateTime, $to: DateTime) {
      logs(deploymentUuid: $id, timestamp: $at, startTime: $from, endTime: $to) { timestamp } }"""
    target = ask(HISTORY, id=ORDERS)["data"]["paginatedDeployRevisions"][2]["id"]
    ask(ROLLBACK, id=ORDERS, row=target, scope="IMAGE", why="why")
    world.clock.advance(60)
    now = world.clock.now()
    lines = ask(query, id=ORDERS, at=iso(now.replace(hour=23)))["data"]["logs"]
    assert lines
    assert ask(query, id=ORDERS, at=iso(now + timedelta(days=1)))["data"]["logs"] == []
    window = {"from": iso(now - timedelta(days=1)), "to": iso(now)}
    assert ask(query, id=ORDERS, **window)["data"]["logs"] == lines
    long = {"from": iso(now - timedelta(days=3)), "to": iso(now)}
    assert "two days apart" in messages(ask(query, id=ORDERS, **long))[0]


def test_an_operation_goes_by_its_name_and_root_fields() -> None:
    """A fault can match the request before it is executed, also by a name that the request lacks."""
    text = "query A { self { id } } query B { appConfig { version } }"
    assert [read_operation(text, name).names for name in ("B", "C")] == [("B", "appConfig"), ("C",)]
