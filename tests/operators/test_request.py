# SPDX-License-Identifier: Apache-2.0
"""The rendered arguments of a task become a request, and its identity an idempotency key."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_rollback_provider.domain.arguments import flag, optional, text
from airflow_rollback_provider.domain.deploys import Deployment, Mechanism
from airflow_rollback_provider.domain.errors import BadInput, InvalidTarget
from airflow_rollback_provider.domain.idempotency import Origin, without_target
from airflow_rollback_provider.operators.decide import RollbackDecisionOperator
from airflow_rollback_provider.operators.fleet import FleetSummaryOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator
from tests.support.task_run import TaskInstance

DOCS = Path(__file__).parents[2] / "docs"
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
        (None, False),
    ],
)
def test_flags(value: Any, read: bool) -> None:
    """The text ``False`` is false."""
    assert flag(value, "plan_only") is read


@pytest.mark.parametrize("value", ["yes", "1", "0", 1, 0, [], "{{ params.plan_only }}"])
def test_a_value_that_is_no_flag(value: Any) -> None:
    """Nothing is guessed: a template that was not rendered does not count as true or false."""
    with pytest.raises(BadInput, match="plan_only"):
        flag(value, "plan_only")


@pytest.mark.parametrize("value", ["", "  ", "None", None])
def test_a_deployment_must_be_named(value: Any) -> None:
    """A parameter that was left empty renders to one of these."""
    with pytest.raises(BadInput, match="deployment_id is empty"):
        text(value, "deployment_id")


@pytest.mark.parametrize(
    ("value", "read"), [(None, None), ("", None), ("None", None), (" image ", "image")], ids=str
)
def test_an_optional_argument(value: Any, read: str | None) -> None:
    """A template turns None into text."""
    assert optional(value, "scope") == read


@pytest.mark.parametrize("value", [[], {}, b"x", object()])
def test_what_is_no_text(value: object) -> None:
    """The error names the parameter."""
    with pytest.raises(BadInput, match="scope is"):
        optional(value, "scope")


@pytest.mark.parametrize(
    ("native", "written"), [(4711, "4711"), (True, "True"), (1.5, "1.5"), (12345678, "12345678")]
)
def test_native_values_are_texts(native: Any, written: str) -> None:
    """With render_template_as_native_obj a template that renders digits yields a number."""
    texts = ("deployment_id", "description", "target", "expected_current_deploy_id")
    arguments = dict.fromkeys(texts, native)
    request = task(**arguments, plan_only=None, acknowledge_airflow_3_to_2=None).request({
        "ti": TaskInstance()
    })
    assert request.deployment_id == request.description == written
    assert request.expected_current_deploy_id == str(request.target).removeprefix("id:") == written
    assert request.plan_only is request.acknowledge_airflow_3_to_2 is False


@pytest.mark.parametrize("operator", [RollbackOperator, FleetSummaryOperator, RollbackDecisionOperator])
def test_the_docstring_lists_all_parameters(operator: Any) -> None:
    """And, of those, the templated ones, each under its own name."""
    names = set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"}
    assert {name for name in names if f":param {name}:" not in operator.__doc__} == set()
    templated = re.search(r"Templated: ([^.]*)\.", operator.__doc__)
    listed = re.findall(r"``(\w+)``", templated[1]) if templated else []
    assert sorted(listed) == sorted(operator.template_fields)
    assert set(listed) <= names


def test_the_page_lists_all_parameters() -> None:
    """With the number of the templated ones that come first."""
    page = (DOCS / "operator.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page.split("## Which deploy")[0], re.MULTILINE)
    names = set(inspect.signature(RollbackOperator.__init__).parameters) - {"self", "kwargs"}
    assert set(listed) == names
    assert {*listed[:8], "airflow_conn_id", "add_origin"} == set(RollbackOperator.template_fields)


def reading(deployment_id: str) -> Any:
    """Return a Deployment as it was read."""
    return SimpleNamespace(deployment=Deployment(deployment_id, "orders", mechanism=Mechanism.IMAGE))


def key(ti: TaskInstance | None = None, deployment_id: str = "c1", **kwargs: Any) -> str:
    """Return the idempotency key of a task instance whose Deployment has this id."""
    request = task(**kwargs).request({"ti": ti or TaskInstance()})
    return without_target(request.idempotency_key(reading(deployment_id)))


def test_all_tries_share_one_key() -> None:
    """The try, the place in a list and the way in which the Deployment is named are not part of it."""
    same = [
        key(),
        key(TaskInstance(try_number=7)),
        key(TaskInstance(map_index=3)),
        key(deployment_id="c1", scope="None"),
        key(scope="image"),
        key(target="tag:7"),
    ]
    others = [
        key(TaskInstance(run_id="manual__2")),
        key(TaskInstance(dag_id="other")),
        key(TaskInstance(task_id="other")),
        key(deployment_id="c2"),
        key(scope="dags"),
    ]
    assert len(set(same)) == 1
    assert len({*same, *others}) == 1 + len(others)


def test_ids_do_not_run_into_each_other() -> None:
    """The key depends on where one id ends and the next begins."""
    assert key(TaskInstance(dag_id="a", run_id="bc")) != key(TaskInstance(dag_id="ab", run_id="c"))


def first_try(run: Any) -> datetime | None:
    """Return the time before which no try of a task in this run submitted anything."""
    return task().request({"ti": TaskInstance(), "dag_run": run}).first_try


def test_the_earliest_time_counts() -> None:
    """A run that is cleared gets a new start; clocks may disagree by a day."""
    run = SimpleNamespace(
        logical_date=None, run_after=NOON, queued_at=NOON + timedelta(days=9), start_date=None
    )
    assert first_try(run) == NOON - timedelta(days=1)


@pytest.mark.parametrize("run", [None, SimpleNamespace()], ids=str)
def test_without_a_run_no_time_is_known(run: Any) -> None:
    """Then only the latest page of the history is searched."""
    assert first_try(run) is None


def task(**kwargs: Any) -> RollbackOperator:
    """Return a task."""
    return RollbackOperator(task_id="t", **{"deployment_id": "c1", "description": "why", **kwargs})


def context(**kwargs: Any) -> Any:
    """Return the context of a task instance."""
    return {"ti": TaskInstance(**kwargs), "dag_run": SimpleNamespace(run_after=NOON)}


def test_a_request() -> None:
    """The rendered texts are read once."""
    request = task(
        target=" tag:7 ",
        scope="None",
        plan_only="True",
        expected_current_deploy_id="",
        in_progress_timeout=60,
    ).request(context(map_index=2))
    assert (str(request.target), request.scope, request.plan_only, request.expected_current_deploy_id) == (
        "tag:7",
        None,
        True,
        None,
    )
    assert (request.in_progress_timeout, request.submission_grace_period, request.wait_for_completion) == (
        60,
        120.0,
        True,
    )
    assert (request.identity, request.mapped) == (("remediation", "manual__1", "roll_back"), True)
    assert request.first_try == NOON - timedelta(days=1)


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"target": ""}, InvalidTarget),
        ({"deployment_id": " "}, BadInput),
        ({"acknowledge_airflow_3_to_2": "maybe"}, BadInput),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense(kwargs: dict[str, Any], error: type[Exception]) -> None:
    """It is refused before anything is read from the platform."""
    with pytest.raises(error):
        task(**kwargs).request(context())


@pytest.mark.parametrize(
    ("run", "asked_by"),
    [
        ({"triggering_user_name": "ana", "conf": {"asked_by": "bo"}}, "ana"),
        ({"triggering_user_name": None, "conf": {"asked_by": "bo@example.com"}}, "bo"),
        ({"conf": None}, None),
        ({"conf": {"asked_by": ["bo"]}}, None),
    ],
    ids=str,
)
def test_the_origin_of_a_rollback(run: dict[str, Any], asked_by: str | None) -> None:
    """The user who started the run, or else the one that the run's conf names; with the Dag and the run."""
    ti = TaskInstance(dag_id="d", run_id="manual__1")
    origin = task().request({"ti": ti, "dag_run": SimpleNamespace(**run)}).origin
    assert origin == Origin("d", "manual__1", asked_by)
    assert task(add_origin="False").request({"ti": ti}).origin is None
