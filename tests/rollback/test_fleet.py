# SPDX-License-Identifier: Apache-2.0
"""The summary counts every Deployment of a fleet once, and names those that need attention."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.rollback.fleet import OUTCOMES, Member, member, sum_up

RESULT = {"deployment_id": "d1", "rollback_id": "r1", "status": "done"}
PLAN = {"format": 1, "deployment": {"id": "d1", "name": "Billing"}, "allowed": True}
FAILURE = {"deployment_id": "d1", "message": "no disk", "summary": "The rollback of d1 failed: no disk"}


@pytest.mark.parametrize(
    ("state", "result", "failure", "expected"),
    [
        ("success", RESULT, None, Member("d1", "done", "r1")),
        ("success", RESULT, FAILURE, Member("d1", "done", "r1")),
        ("success", {**RESULT, "status": "not waited for"}, None, Member("d1", "submitted", "r1")),
        ("success", PLAN, None, Member("d1", "planned")),
        ("failed", None, FAILURE, Member("d1", "failed", None, FAILURE["summary"])),
        ("failed", None, None, Member("map index 7", "failed", None, "The task of map index 7 is failed.")),
        ("skipped", None, FAILURE, Member("d1", "not begun", None, "no disk")),
        ("skipped", None, None, Member("map index 7", "not begun")),
        (
            None,
            None,
            None,
            Member("map index 7", "failed", None, "The task of map index 7 is without a state."),
        ),
        ("success", None, None, Member("map index 7", "failed", None, "The task of map index 7 is success.")),
    ],
)
def test_one_deployment(state: Any, result: Any, failure: Any, expected: Member) -> None:
    """From the XComs of its task; a task that was killed leaves none."""
    assert member(7, state, result, failure) == expected


@pytest.mark.parametrize(
    "result", [{"verdict": "healthy"}, {"allowed": True, "deploy_id": "d1"}, "done", 3, []]
)
def test_the_result_of_another_task_is_no_rollback(result: Any) -> None:
    """A wrong task id must not end as a success."""
    with pytest.raises(BadInput, match="rollback_task_id"):
        member(-1, "success", result, None)


@given(st.lists(st.sampled_from(OUTCOMES), max_size=40))
def test_the_numbers_add_up(outcomes: list[str]) -> None:
    """For every combination of outcomes."""
    fleet = sum_up(Member(f"d{n}", outcome, message="why") for n, outcome in enumerate(outcomes))
    assert sum(fleet[one.replace(" ", "_")] for one in OUTCOMES) == fleet["total"] == len(outcomes)
    assert f"{fleet['done']} of {fleet['total']}" in fleet["summary"]
    json.dumps(fleet)
