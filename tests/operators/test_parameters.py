# SPDX-License-Identifier: Apache-2.0
"""Every duration and every flag of what a Dag author makes is read alike, when the Dag is parsed."""

from __future__ import annotations

import inspect
import math
import re
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.operators.decide import RollbackDecisionOperator
from airflow_rollback_provider.operators.deploy_health import DeployHealthOperator
from airflow_rollback_provider.operators.drain import DrainDeploymentOperator, ResumeDeploymentOperator
from airflow_rollback_provider.operators.fleet import FleetSummaryOperator
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.operators.verify import VerifyPodsOperator
from airflow_rollback_provider.sensors.deploys import DeploySensor
from airflow_rollback_provider.triggers.deploys import DeployLandedTrigger

NEEDED: dict[Any, dict[str, Any]] = {
    RollbackOperator: {"task_id": "t", "deployment_id": "d", "description": "x"},
    DeployHealthOperator: {"task_id": "t"},
    DrainDeploymentOperator: {"task_id": "t"},
    ResumeDeploymentOperator: {"task_id": "t"},
    VerifyPodsOperator: {"task_id": "t"},
    DeploySensor: {"task_id": "t", "deployment_id": "d"},
    DeployLandedTrigger: {"deployment_id": "d"},
    RollbackDecisionOperator: {"task_id": "t", "deployment_id": "d", "verdict": "regressed"},
    FleetSummaryOperator: {"task_id": "t"},
}
DURATIONS = [
    (kind, name)
    for kind in NEEDED
    for name in inspect.signature(kind.__init__).parameters
    if re.search(r"timeout$|interval$|period$|_seconds$", name) and name != "fail_on_timeout"
] + [(DeploySensor, "timeout")]

FLAGS = [
    (kind, name)
    for kind in NEEDED
    for name, parameter in inspect.signature(kind.__init__).parameters.items()
    if isinstance(parameter.default, bool) and name not in getattr(kind, "template_fields", ())
]


@pytest.mark.parametrize(
    ("kind", "kwargs", "words"),
    [
        (DeployHealthOperator, {"rule": {"horizon": 0}}, "horizon"),
        (DeployHealthOperator, {"rule": {"horizn": 5}}, "horizn"),
        (DeployHealthOperator, {"rule": 5}, "rule"),
        (DeployHealthOperator, {"rejected_releases": "rollback"}, "regressed, report, ignore"),
        (RollbackOperator, {"stop_after_failures": "2"}, "stop_after_failures"),
        (RollbackOperator, {"stop_after_failures": -1}, "stop_after_failures"),
        (DeploySensor, {"statuses": ["landed"]}, "not a deploy status"),
        (DeploySensor, {"statuses": None}, "statuses has no deploy status"),
        (DeploySensor, {"types": 5}, "types is 5"),
    ],
    ids=str,
)
def test_other_values_that_cannot_be_used_fail_when_the_dag_is_parsed(
    kind: Any, kwargs: dict[str, Any], words: str
) -> None:
    """None of these parameters is templated."""
    with pytest.raises(BadInput, match=words):
        kind(**NEEDED[kind], **kwargs)


@pytest.mark.parametrize(("kind", "name"), FLAGS)
def test_a_text_is_a_flag_as_well(kind: Any, name: str) -> None:
    """A Variable has the text False, which must not be true. Another text fails when the Dag is parsed."""
    assert getattr(kind(**NEEDED[kind], **{name: "False"}), name) is False
    with pytest.raises(BadInput, match=f"{name} is 'perhaps'"):
        kind(**NEEDED[kind], **{name: "perhaps"})


def test_the_durations_are_found() -> None:
    """Their names end alike."""
    assert len(DURATIONS) == 16
    assert {kind for kind, _ in DURATIONS} == set(NEEDED) - {RollbackDecisionOperator, FleetSummaryOperator}


@pytest.mark.parametrize(("kind", "name"), DURATIONS)
@pytest.mark.parametrize("value", [15, 15.0, "15", " 15.0 ", timedelta(seconds=15)], ids=repr)
def test_a_number_a_text_and_a_timedelta_are_the_same(kind: Any, name: str, value: object) -> None:
    """The attribute has the seconds."""
    assert getattr(kind(**NEEDED[kind], **{name: value}), name) == 15.0


@pytest.mark.parametrize(("kind", "name"), DURATIONS)
@pytest.mark.parametrize(
    "value",
    ["{{ params.t }}", "soon", "", math.inf, "inf", "nan", -1, timedelta(seconds=-1), True, [], 10**400],
    ids=lambda value: repr(value)[:20],
)
def test_what_cannot_be_used_fails_when_the_dag_is_parsed(kind: Any, name: str, value: object) -> None:
    """The error names the parameter."""
    with pytest.raises(BadInput, match=f"{name} is "):
        kind(**NEEDED[kind], **{name: value})


@pytest.mark.parametrize(("kind", "name"), DURATIONS)
def test_none_is_the_default_where_the_default_is_none(kind: Any, name: str) -> None:
    """Elsewhere it is an error, as any other value that is no duration."""
    parameter = inspect.signature(kind.__init__).parameters.get(name)
    if parameter is not None and parameter.default is None:
        assert getattr(kind(**NEEDED[kind], **{name: None}), name) is None
    else:
        with pytest.raises(BadInput, match=f"{name} is None"):
            kind(**NEEDED[kind], **{name: None})


@pytest.mark.parametrize(
    ("kind", "name"), [pair for pair in DURATIONS if "interval" in pair[1] or "grace_period" in pair[1]]
)
def test_durations_that_cannot_be_0(kind: Any, name: str) -> None:
    """A task would poll without end, or send a request again that is under way."""
    with pytest.raises(BadInput, match=f"{name} is 0"):
        kind(**NEEDED[kind], **{name: 0})
