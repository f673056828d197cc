# SPDX-License-Identifier: Apache-2.0
"""When a rollback has ended, and how."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import Deploy, Scope
from airflow_rollback_provider.domain.errors import RollbackNotDone
from airflow_rollback_provider.rollback.outcome import (
    Outcome,
    RollbackStatus,
    deployment_outcome,
    progress_outcome,
    timed_out,
)
from tests.support.builders import BAD, GOING, ODD, OK, deploy, deployment, rollback

D1 = deploy("d1")


def back(status: Any, **values: Any) -> Deploy:
    """The rollback that is watched."""
    return rollback("r", D1, status=status, **values)


@pytest.mark.parametrize("status", [OK, BAD, GOING, ODD])
@pytest.mark.parametrize("newer", [[], [OK], [BAD], [GOING], [ODD], [BAD, GOING], [GOING, OK], [BAD, BAD]])
def test_every_ending(status: Any, newer: list[Any]) -> None:
    """One that failed failed; one that something landed on is superseded; success takes that nothing did."""
    outcome = progress_outcome(
        back(status), [deploy(f"n{number}", status=one) for number, one in enumerate(newer)]
    )
    landed, may_land = OK in newer, bool({OK, GOING, ODD} & set(newer))
    expected = None
    if status is BAD:
        expected = RollbackStatus.FAILED
    elif landed or (status is OK and may_land):
        expected = RollbackStatus.SUPERSEDED
    elif status is OK:
        expected = RollbackStatus.DONE
    assert (outcome and outcome.status) == expected
    assert outcome is None or outcome.deploy_id == "r"


def test_who_overtook_is_named() -> None:
    """The deploy that landed rather than one that is going on, with its author where that is known."""
    newer = [deploy("n2", status=GOING), deploy("n1", created_by="Zoë")]
    outcome = progress_outcome(back(OK), newer)
    assert outcome is not None
    assert "superseded by deploy n1 by Zoë (succeeded)" in outcome.message
    going = progress_outcome(back(OK), newer[:1])
    assert going is not None
    assert "superseded by deploy n2 (in progress)" in going.message


def test_a_failure_gives_the_platforms_reason_and_what_runs() -> None:
    """The content from before runs, unless a later deploy landed since."""
    outcome = progress_outcome(back(BAD, status_reason="Helm timed out."), [])
    assert outcome is not None
    assert "failed: Helm timed out. The Deployment runs the release from before" in outcome.message
    silent = progress_outcome(back(BAD), [deploy("n1")])
    assert silent is not None
    assert "failed: the platform gives no reason. The Deployment runs the newer deploy n1" in silent.message


@pytest.mark.parametrize(
    ("runs", "wanted", "agrees"),
    [
        (("13.2.0", None), ("13.2.0-base", None), True),
        (("13.2.0", None), ("13.1.0", None), False),
        (("3.0-4", None), ("3.0.4", None), False),
        (("13.2.0", "2.11.0"), ("13.2.0", "2.11.1"), True),
        ((None, "2.11.0"), ("13.2.0", "2.11.0"), True),
        ((None, "2.11.0"), ("13.2.0", "2.11.1"), False),
        (("3.1-12", None), (None, "2.11.0"), False),
        (("13.2.0", None), (None, "2.11.0"), True),
        ((None, "2.11"), (None, "2.11.2"), True),
        ((None, None), ("13.2.0", None), True),
        (("13.2.0", None), (None, None), True),
    ],
)
def test_the_deployment_must_run_what_the_target_brought(runs: Any, wanted: Any, agrees: bool) -> None:
    """A value that one side lacks is no mismatch; a rollback of Dags alone does not change the Runtime."""
    here = deployment(runs[0], airflow_version=runs[1])
    target = deploy("d1", runtime_version=wanted[0], airflow_version=wanted[1])
    for scope in Scope:
        outcome = deployment_outcome("r", here, target, scope)
        assert (outcome is None) is (agrees or scope is Scope.DAGS)
        if outcome is not None:
            assert (outcome.status, outcome.deploy_id) == (RollbackStatus.MISMATCH, "r")
            assert str(here.versions) in outcome.message
            assert str(target.versions) in outcome.message


@pytest.mark.parametrize(
    ("runs", "wanted", "agrees"),
    [("one", "one", True), ("two", "one", False), (None, "one", True), ("two", None, True)],
)
def test_the_deployment_must_run_the_targets_image(
    runs: str | None, wanted: str | None, agrees: bool
) -> None:
    """Two images of one Runtime differ by their tags, where both the Deployment and the target have them."""
    here = deployment("13.2.0", image_tag=runs)
    target = deploy("d1", runtime_version="13.2.0", image_tag=wanted)
    for scope in Scope:
        outcome = deployment_outcome("r", here, target, scope)
        assert (outcome is None) is (agrees or scope is Scope.DAGS)
        if outcome is not None:
            assert outcome.status is RollbackStatus.MISMATCH
            assert "runs the image tag two and the target brought one" in outcome.message


def test_a_time_out_says_where_to_look() -> None:
    """And that the rollback may go on."""
    outcome = timed_out("r", 3600.4, "https://houston/deploys")
    assert (outcome.status, outcome.deploy_id) == (RollbackStatus.TIMED_OUT, "r")
    assert "after 3,600 s. It cannot be recalled and may still be going on" in outcome.message
    assert "https://houston/deploys" in outcome.message


def test_every_ending_but_done_is_an_error_of_its_own() -> None:
    """The error carries the message and can be caught by its name; the outcome survives JSON."""
    kinds = {RollbackNotDone}
    for status in RollbackStatus:
        outcome = Outcome(status, "r", "What happened.")
        assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
        if status is RollbackStatus.DONE:
            outcome.require_done()
            continue
        with pytest.raises(RollbackNotDone, match=r"^What happened\.$") as caught:
            outcome.require_done()
        kinds.add(type(caught.value))
    assert len(kinds) == len(RollbackStatus)
