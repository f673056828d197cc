# SPDX-License-Identifier: Apache-2.0
"""What templates make of a task's arguments, and whose wish a task instance is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider.domain.arguments import flag, optional, text
from airflow_rollback_provider.domain.deploys import Deployment, Mechanism
from airflow_rollback_provider.domain.errors import BadInput, InvalidTarget
from airflow_rollback_provider.domain.idempotency import without_target
from airflow_rollback_provider.operators.rendered import first_try, request_of
from airflow_rollback_provider.operators.rollback import RollbackOperator
from tests.support.task_run import TaskInstance

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, True),
        (False, False),
        ("True", True),
        ("true ", True),
        ("False", False),
        ("None", False),
        ("", False),
    ],
)
def test_flags(value: Any, read: bool) -> None:
    """The text ``False`` is false."""
    assert flag(value, "plan_only") is read


@pytest.mark.parametrize("value", ["yes", "1", "0", 1, 0, None, [], "{{ params.plan_only }}"])
def test_what_is_no_flag(value: Any) -> None:
    """Nothing is guessed: a template that was not rendered does not count as true or false."""
    with pytest.raises(BadInput, match="plan_only"):
        flag(value, "plan_only")


@pytest.mark.parametrize("value", ["", "  ", "None", None, 3])
def test_a_deployment_must_be_named(value: Any) -> None:
    """A parameter that was left empty renders to one of these."""
    with pytest.raises(BadInput, match="deployment_id is empty"):
        text(value, "deployment_id")


@pytest.mark.parametrize(
    ("value", "read"), [(None, None), ("", None), ("None", None), (" image ", "image")], ids=str
)
def test_what_may_be_left_out(value: Any, read: str | None) -> None:
    """A template turns None into text."""
    assert optional(value) == read


def reading(deployment_id: str) -> Any:
    """Return a Deployment as it was read."""
    return SimpleNamespace(deployment=Deployment(deployment_id, "orders", mechanism=Mechanism.IMAGE))


def wish(ti: TaskInstance | None = None, deployment_id: str = "c1", **kwargs: Any) -> str:
    """Return the wish of a task instance whose Deployment has this id."""
    request = request_of(task(**kwargs), {"ti": ti or TaskInstance()})  # type: ignore[typeddict-item]
    return without_target(request.idempotency_key(reading(deployment_id)))


def test_every_try_is_the_same_wish() -> None:
    """Neither the try, nor the place in a list, nor the Deployment's spelling is part of it."""
    same = [
        wish(),
        wish(TaskInstance(try_number=7)),
        wish(TaskInstance(map_index=3)),
        wish(deployment_id="c1", scope="None"),
        wish(scope="image"),
        wish(target="tag:7"),
    ]
    others = [
        wish(TaskInstance(run_id="manual__2")),
        wish(TaskInstance(dag_id="other")),
        wish(TaskInstance(task_id="other")),
        wish(deployment_id="c2"),
        wish(scope="dags"),
    ]
    assert len(set(same)) == 1
    assert len({*same, *others}) == 1 + len(others)


def test_ids_do_not_run_into_each_other() -> None:
    """Where one ends and the next begins counts."""
    assert wish(TaskInstance(dag_id="a", run_id="bc")) != wish(TaskInstance(dag_id="ab", run_id="c"))


def test_the_earliest_time_counts() -> None:
    """A run that is cleared gets a new start; clocks may disagree by a day."""
    run = SimpleNamespace(
        logical_date=None, run_after=NOON, queued_at=NOON + timedelta(days=9), start_date=None
    )
    assert first_try({"dag_run": run}) == NOON - timedelta(days=1)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("context", [{}, {"dag_run": SimpleNamespace()}], ids=str)
def test_without_a_run_no_time_is_known(context: Any) -> None:
    """Then the latest page of the history is searched."""
    assert first_try(context) is None


def task(**kwargs: Any) -> RollbackOperator:
    """Return a task."""
    return RollbackOperator(task_id="t", **{"deployment_id": "c1", "description": "why", **kwargs})


def context(**kwargs: Any) -> Any:
    """Return the context of a task instance."""
    return {"ti": TaskInstance(**kwargs), "dag_run": SimpleNamespace(run_after=NOON)}


def test_an_order() -> None:
    """What was rendered, read once."""
    request = request_of(
        task(
            target=" tag:7 ",
            scope="None",
            plan_only="True",
            expected_current_deploy_id="",
            in_progress_timeout=60,
        ),
        context(map_index=2),
    )
    assert (str(request.target), request.scope, request.plan_only, request.expected_current_deploy_id) == (
        "tag:7",
        None,
        True,
        None,
    )
    assert (request.in_progress_timeout, request.submission_grace_period, request.waits) == (60, 120.0, True)
    assert (request.identity, request.mapped) == (("remediation", "manual__1", "roll_back"), True)
    assert request.first_try == NOON - timedelta(days=1)


@pytest.mark.parametrize(("value", "read"), [(60, 60.0), ("60", 60.0), (timedelta(minutes=1), 60.0)], ids=str)
def test_a_duration(value: Any, read: float) -> None:
    """A number, the text of one, or a timedelta."""
    request = request_of(task(submission_grace_period=value, in_progress_timeout=value), context())
    assert (request.submission_grace_period, request.in_progress_timeout) == (read, read)


@pytest.mark.parametrize("value", [None, "soon", True, float("inf"), float("nan"), -5, [], 0])
def test_what_is_no_grace_period(value: Any) -> None:
    """With no time to show, a request that is under way would be sent again."""
    with pytest.raises(BadInput, match="submission_grace_period"):
        request_of(task(submission_grace_period=value), context())


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"target": ""}, InvalidTarget),
        ({"deployment_id": " "}, BadInput),
        ({"acknowledge_airflow_3_to_2": "maybe"}, BadInput),
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense(kwargs: dict[str, Any], error: type[Exception]) -> None:
    """It is refused before anything is asked."""
    with pytest.raises(error):
        request_of(task(**kwargs), context())
