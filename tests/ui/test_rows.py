# SPDX-License-Identifier: Apache-2.0
"""Rows show whether a rollback to their deploy is possible, and why not."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Access, Deploy, Mechanism
from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import Origin, describe
from airflow_rollback_provider.domain.plan import make_plan
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.platforms.base import Page, Survey
from airflow_rollback_provider.ui.rows import RowChecks, SupersededTracker, deploy_fields
from tests.support.builders import (
    BAD,
    FULL_ACCESS,
    GOING,
    HOUSTON,
    NOW,
    ODD,
    OK,
    deploy,
    deployment,
    rollback,
)


def row_checks(*oldest_first: Deploy, access: Access = FULL_ACCESS, **values: Any) -> RowChecks:
    """The row checks of this history."""
    latest_first = tuple(reversed(oldest_first))
    survey = Survey(deployment(**values), access, Page(latest_first, None), NOW)
    return RowChecks(survey, HOUSTON, latest_first)


D1, D2, D3 = deploy("d1", 4, runtime_version="13.1.0"), deploy("d2", 3), deploy("d3", 2)

_RUNTIMES = st.sampled_from([None, "12.1.0", "13.2.0", "3.0-4", "3.1-1", "3.1-2", "3.3-2"])
_KINDS = st.sampled_from([OK, OK, OK, BAD, GOING, ODD])


@st.composite
def histories(draw: st.DrawFn) -> list[Deploy]:
    """Histories of deploys and rollbacks, oldest first, with at least one that succeeded."""
    rows: list[Deploy] = []
    for number in range(draw(st.integers(1, 7))):
        name, age = f"d{number}", 200.0 / (number + 1)
        values: dict[str, Any] = {"status": draw(_KINDS), "mechanism": draw(st.sampled_from(list(Mechanism)))}
        if draw(st.booleans()) and rows:
            target: Deploy = draw(st.sampled_from(rows))
            rows.append(rollback(name, target, age, **values))
        else:
            content = draw(st.sampled_from([name, "a", None]))
            rows.append(
                deploy(name, age, image=content, dags=content, runtime_version=draw(_RUNTIMES), **values)
            )
    return rows


@given(histories(), st.sampled_from(list(Mechanism)), st.sampled_from([None, True, False]), _RUNTIMES)
def test_a_row_has_the_reasons_of_its_plan(
    rows: list[Deploy], mechanism: Mechanism, switched_on: bool | None, runtime: str | None
) -> None:
    """Row and plan use the same rules: every reason is the same, with its text."""
    access = Access(FULL_ACCESS.permissions, switched_on, "flag", True)
    where = {"mechanism": mechanism, "runtime": runtime}
    by_rows = row_checks(*rows, access=access, **where)
    for target in rows:
        history = History(reversed(rows)).read_out()
        row = by_rows.row(target, None)
        try:
            plan = make_plan(
                deployment(**where),
                history,
                target=DeploySelector("id", target.id),
                scope=None,
                access=access,
                capabilities=HOUSTON,
                now=NOW,
            )
        except DeployNotFound:
            assert [reason["code"] for reason in row["reasons"]] == ["NOTHING-RUNS"]
            continue
        assert row["reasons"] == plan.to_dict()["failed_checks"]
        assert row["can_roll_back"] is plan.allowed
        assert (row["crosses_major"], row["downgrade"]) == (plan.needs_acknowledgement, plan.downgrade)
        json.dumps(row)


def test_the_running_deploy_is_marked() -> None:
    """It is the latest that succeeded, also below failed ones."""
    rows = row_checks(D1, D2, deploy("bad", 1, status=BAD))
    marked = [rows.row(one, None)["runs_now"] for one in (D1, D2, deploy("bad", 1, status=BAD))]
    assert marked == [False, True, False]


def test_a_row_has_the_platform_data() -> None:
    """The description without the tag, times with their zone, the label of the mechanism."""
    made = rollback(
        "r",
        D1,
        description=describe("Orders fail", "0" * 20, 500),
        created_by="ana",
        git_commit="1f2e",
        type="DAG_ONLY",
    )
    row = deploy_fields(made)
    assert (row["description"], row["created_by"], row["type"]) == ("Orders fail", "ana", "DAG_ONLY")
    assert (row["runtime"], row["airflow_major"], row["git_commit"]) == ("13.1.0", 2, "1f2e")
    assert row["created_at"] == (NOW - timedelta(days=0.5)).isoformat()
    assert row["rollback"] == {"target": "d1", "scope": "image_and_dags"}
    assert row["mechanism_label"] == "Dag-only deploys"
    assert deploy_fields(D1)["rollback"] is None


def _left(*oldest_first: Deploy) -> dict[str, str]:
    superseded_tracker = SupersededTracker()
    found = {one.id: superseded_tracker.superseded_by(one) for one in reversed(oldest_first)}
    return {name: by for name, by in found.items() if by is not None}


def test_a_rollback_supersedes_the_deploy_before_it() -> None:
    """Failed deploys in between did not run, and the target is not superseded."""
    failed = deploy("failed", 1.5, status=BAD)
    assert _left(D1, D2, D3, failed, rollback("r", D1)) == {"d3": "r"}


def test_a_rollback_that_did_not_succeed_supersedes_nothing() -> None:
    """A failed rollback or one in progress has changed nothing."""
    assert _left(D1, D2, rollback("r", D1, status=BAD)) == {}
    assert _left(D1, D2, rollback("r", D1, status=GOING)) == {}


def test_rollbacks_of_rollbacks() -> None:
    """A superseded rollback is marked like any other deploy."""
    first = rollback("r1", D1, 0.9)
    assert _left(D1, D2, first, rollback("r2", D2, 0.5)) == {"r1": "r2", "d2": "r1"}


def test_a_row_that_brings_back_what_was_rolled_back_from() -> None:
    """It has the time and the reason of the rollback, without the tag and the origin."""
    origin = Origin("roll_back", "manual__1", "ana")
    back = rollback("r", D1, 0.9, description=describe("Orders fail", "0" * 20, 500, origin))
    again = deploy("again", 0.5, image="d3", dags="d3")
    rows = (D1, D3, back, again)
    checks = row_checks(*rows)
    made = {one.id: checks.row(one, None) for one in rows}
    assert made["again"]["rejected"] == {
        "rolled_back_at": back.created_at.isoformat(),
        "reason": "Orders fail",
        "rollback_id": "r",
        "rolled_back_by": None,
        "deploy_id": "d3",
    }
    assert [made[name]["rejected"] for name in ("r", "d3", "d1")] == [None] * 3
    assert made["r"]["origin"] == {"dag_id": "roll_back", "run_id": "manual__1", "asked_by": "ana"}
    assert made["r"]["description"] == "Orders fail"
