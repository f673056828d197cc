# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor on hosted Astro: what its API does not tell, and tokens of a single Deployment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.findings import Finding, Status
from airflow_rollback_provider.http.messages import Response
from airflow_rollback_provider.platforms.registry import connect
from tests.http.test_retry_policy import NOW
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
    """Return an answer that is no success."""
    return status, {"message": "no", "requestId": "r1", "statusCode": status}


def findings_of(*answers: tuple[int, Any], deployment: str | None = DEPLOYMENT["id"]) -> dict[str, Finding]:
    """Return the findings by code of a flow that is given these answers."""
    values = connection(conn_type="astro", host="", extra={"organization_id": "o1"})
    flow = connect(values).platform.diagnose(deployment)
    next(flow)
    for status, body in answers:
        text = json.dumps(body).encode()
        try:
            flow.send(Response(status, {"content-type": "application/json"}, text, NOW))
        except StopIteration as end:
            return {finding.code: finding for finding in end.value}
    raise AssertionError("asked again")


def test_what_the_api_does_not_tell_is_left_out() -> None:
    """Version, switches, what may be rolled back: nothing is said where nothing is known."""
    found = findings_of((200, LISTED), (200, DEPLOYMENT), (200, HISTORY))
    assert set(found) == {
        "API", "TOKEN", "PERMISSION-HISTORY", "DEPLOYMENT", "MECHANISM", "HISTORY", "SCHEMA"
    }  # fmt: skip
    assert found["SCHEMA"].status is Status.SKIPPED
    assert "o1" in found["TOKEN"].what
    assert "Dag-only deploys" in found["MECHANISM"].what


@pytest.mark.parametrize(("status", "taken"), [(403, Status.OK), (500, Status.WARNING)])
def test_a_token_of_one_deployment_is_good_for_that(status: int, taken: Status) -> None:
    """It may not list the others, and reads its own."""
    found = findings_of(refusal(status), (200, DEPLOYMENT), (200, HISTORY))
    assert found["TOKEN"].status is taken
    assert "accepts the token for this Deployment" in found["TOKEN"].what
    assert found["HISTORY"].status is Status.OK


def test_a_token_of_one_deployment_cannot_be_judged_without_it() -> None:
    """The hint says to name the Deployment."""
    found = findings_of(refusal(403), deployment=None)
    assert found["TOKEN"].status is Status.ERROR
    assert "name the Deployment by its id" in found["TOKEN"].what


def test_a_token_that_is_refused_is_not_tried_further() -> None:
    """One question is enough."""
    found = findings_of(refusal(401))
    assert found["TOKEN"].status is Status.ERROR
    assert {found[code].status for code in ("DEPLOYMENT", "MECHANISM", "HISTORY")} == {Status.SKIPPED}


def test_a_history_that_fails_says_nothing_of_permissions() -> None:
    """Only a refusal is one."""
    failed = findings_of((200, LISTED), (200, DEPLOYMENT), refusal(500))
    assert failed["HISTORY"].status is Status.ERROR
    assert failed["PERMISSION-HISTORY"].status is Status.SKIPPED
    refused = findings_of((200, LISTED), (200, DEPLOYMENT), refusal(403))
    assert refused["PERMISSION-HISTORY"].status is Status.ERROR


def test_an_api_that_fails_is_one_finding() -> None:
    """Both questions fail: it is not the token."""
    found = findings_of(refusal(500), refusal(500))
    assert found["API"].status is Status.ERROR
    assert found["TOKEN"].status is Status.SKIPPED


def test_a_deployment_that_is_not_there_is_not_the_tokens_fault() -> None:
    """The list was read."""
    found = findings_of((200, LISTED), refusal(404))
    assert (found["TOKEN"].status, found["DEPLOYMENT"].status) == (Status.OK, Status.ERROR)
    assert found["HISTORY"].status is Status.SKIPPED
