# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor on hosted Astro: checks that it lacks, and tokens of a single Deployment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.findings import Finding, Status
from airflow_rollback_provider.http.messages import Response
from airflow_rollback_provider.platforms.registry import connect
from tests.support.builders import NOW
from tests.support.talking import connection

DEPLOYMENT = {
    "id": "c" * 25,
    "name": "Billing",
    "namespace": "release-1",
    "workspaceId": "w1",
    "runtimeVersion": "3.1-12",
    "isDagDeployEnabled": True,
}
LISTED = {"deployments": [DEPLOYMENT], "totalCount": 1, "limit": 1, "offset": 0}
HISTORY: dict[str, Any] = {"deploys": [], "totalCount": 0, "limit": 20, "offset": 0}


def refusal(status: int) -> tuple[int, dict[str, Any]]:
    """Return an unsuccessful answer."""
    return status, {"message": "no", "requestId": "r1", "statusCode": status}


def findings_of(*answers: tuple[int, Any], deployment: Any = DEPLOYMENT["id"]) -> dict[str, Finding]:
    """Return the findings by code of a flow that receives these answers."""
    values = connection(conn_type="astro", host="", extra={"organization_id": "o1"})
    flow = connect(values).platform.diagnose(deployment)
    next(flow)
    for status, body in answers:
        text = json.dumps(body).encode()
        try:
            flow.send(Response(status, {"content-type": "application/json"}, text, NOW))
        except StopIteration as end:
            return {finding.code: finding for finding in end.value}
    raise AssertionError("a second request")


def test_unsupported_checks_have_no_finding() -> None:
    """The API has no version, switches or permissions."""
    found = findings_of((200, LISTED), (200, DEPLOYMENT), (200, HISTORY))
    assert set(found) == {
        "API", "TOKEN", "PERMISSION-HISTORY", "DEPLOYMENT", "MECHANISM", "HISTORY", "SCHEMA"
    }  # fmt: skip
    assert found["SCHEMA"].status is Status.SKIPPED
    assert "o1" in found["TOKEN"].what
    assert "Dag-only deploys" in found["MECHANISM"].what


@pytest.mark.parametrize(("status", "taken"), [(403, Status.OK), (500, Status.WARNING)])
def test_a_token_of_one_deployment_is_valid_for_that(status: int, taken: Status) -> None:
    """It may read its own Deployment, and may not list the others."""
    found = findings_of(refusal(status), (200, DEPLOYMENT), (200, HISTORY))
    assert found["TOKEN"].status is taken
    assert "accepts the token for this Deployment" in found["TOKEN"].what
    assert found["HISTORY"].status is Status.OK


def test_a_token_of_one_deployment_needs_its_id() -> None:
    """The hint is to name the Deployment."""
    found = findings_of(refusal(403), deployment=None)
    assert found["TOKEN"].status is Status.ERROR
    assert "name the Deployment by its id" in found["TOKEN"].what


def test_a_refused_token_is_not_tried_again() -> None:
    """One request is sent."""
    found = findings_of(refusal(401))
    assert found["TOKEN"].status is Status.ERROR
    assert {found[code].status for code in ("DEPLOYMENT", "MECHANISM", "HISTORY")} == {Status.SKIPPED}


def test_a_failed_history_is_not_a_missing_permission() -> None:
    """The permission is not checked then."""
    found = findings_of((200, LISTED), (200, DEPLOYMENT), refusal(500))
    assert found["HISTORY"].status is Status.ERROR
    assert found["PERMISSION-HISTORY"].status is Status.SKIPPED
