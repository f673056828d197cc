# SPDX-License-Identifier: Apache-2.0
"""The text of a chat message: one paragraph, with all that a user needs to act on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain import summary
from airflow_rollback_provider.domain.errors import PlanRefused
from tests.support.builders import deploy, plan

RESULT: dict[str, Any] = {
    "deployment_id": "clx0",
    "deployment": "Billing",
    "rollback_id": "r1",
    "target_id": "d1",
    "scope": "image_and_dags",
    "to": "Runtime 3.1-8 (Airflow 3.1.5)",
    "history": "https://app/history",
    "description": "Invoices are doubled.",
}


def test_a_plan() -> None:
    """The text has both deploys, the changes and severe warnings."""
    text = summary.of_plan(plan(deploy("d1", 2, runtime_version="12.1.0"), deploy("d2", 1)))
    assert "Deployment 'orders' (dep) from deploy d2 to d1" in text
    assert "Runtime 13.2.0 (Airflow 2.11) → 12.1.0 (Airflow 2.10)" in text
    assert "cannot be recovered" in text


def test_a_plan_that_is_refused() -> None:
    """The text has the reasons."""
    text = summary.of_plan(plan(deploy("d1", 200), deploy("d2", 1), target="d1"))
    assert "is not possible" in text
    assert "TARGET-EXPIRED" in text


@pytest.mark.parametrize("write", [summary.of_submitted, summary.of_done])
def test_a_rollback(write: Any) -> None:
    """The text has the Deployment, both deploys, the reason and a link."""
    text = write(RESULT)
    for part in (
        "Billing (clx0)",
        "d1",
        "r1",
        "image and Dags",
        "Reason: Invoices are doubled.",
        "app/history",
    ):
        assert part in text
    assert "Reason" not in write({**RESULT, "description": ""})


def test_a_failure() -> None:
    """The text has the error's class and message in one line."""
    text = summary.of_failure("billing", PlanRefused("Refused:\n- one\n- two"))
    assert text == "The rollback of Deployment billing failed (PlanRefused): Refused: - one - two"


def test_a_fleet() -> None:
    """The text has the numbers and the failures."""
    assert summary.of_fleet(3, 3, [], []) == "3 of 3 Deployments were rolled back."
    text = summary.of_fleet(20, 6, [f"b{n} failed" for n in range(12)], ["x", "y"])
    assert "6 of 20" in text
    assert "12 failed: b0 failed · b1 failed" in text
    assert "… and 2 more" in text
    assert text.endswith("2 were not started: x · y.")


@given(st.text(max_size=3000))
def test_always_a_paragraph(text: str) -> None:
    """Any text becomes one line that is short enough for a chat."""
    line = summary.paragraph(text)
    assert len(line) <= 1200
    assert len(line.splitlines()) <= 1
