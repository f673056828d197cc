# SPDX-License-Identifier: Apache-2.0
"""Tracking a submitted rollback."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import (
    Access,
    Capabilities,
    Deploy,
    Deployment,
    DeployStatus,
    Scope,
)
from airflow_rollback_provider.domain.errors import (
    PermissionMissing,
    PlatformFailed,
    RollbackError,
)
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.hooks.client import Reading
from airflow_rollback_provider.http.flow import run_flow
from airflow_rollback_provider.http.messages import Flow
from airflow_rollback_provider.platforms.base import LogLine, Page, Survey
from airflow_rollback_provider.rollback.outcome import Outcome, RollbackStatus
from airflow_rollback_provider.rollback.submit import Submitted
from airflow_rollback_provider.rollback.tracking import new_tracking, result_of, track

NOW = datetime.now(timezone.utc)


def deploy(name: str, runtime: str, **kwargs: Any) -> Deploy:
    """Return a deploy."""
    return Deploy(name, "c1", NOW, DeployStatus.SUCCEEDED, runtime_version=runtime, **kwargs)


def submitted(runs: str = "3.1-12", target: str = "3.1-8", scope: Scope | None = Scope.IMAGE) -> Submitted:
    """Return a rollback that was submitted."""
    deployment = Deployment("c1", "Billing", "billing", runtime_version=runs)
    survey = Survey(deployment, Access(), Page((), None), NOW)
    rollback = deploy("r1", target, rolled_back_to="d1", scope=scope)
    return Submitted(Reading(survey, History(())), rollback, deploy("d1", target), resumed=False)


def tracking(**kwargs: Any) -> Any:
    """Return what is waited for."""
    return new_tracking(submitted(**kwargs), timeout=None, poll_interval=15, where="the page")


class ScriptedPlatform:
    """A platform whose polls and log reads return the next scripted answer.

    :param polls: ``GOES_ON``, ``DONE`` or an error.
    :param logs: lines or an error; empty: no lines.
    """

    def __init__(self, polls: list[Any], logs: list[Any] | None = None, *, has_logs: bool = True) -> None:
        self.polls, self.scripted_logs = polls, logs or []
        self.read_since: list[datetime] = []
        self.capabilities = Capabilities("Scripted", logs=has_logs)
        self.reconnect = None

    def get_conn(self) -> ScriptedPlatform:
        """Return it in the place of a hook."""
        return self

    def deploys(self, _deployment_id: str, limit: int) -> Flow[Page]:
        """Return the rollback's row."""
        return Page((self._play(self.polls),), None)
        yield

    def deployment(self, _deployment_id: str) -> Flow[Deployment]:
        """Return the Deployment, which runs the target."""
        return submitted("3.1-8").reading.deployment
        yield

    def logs(self, _deployment: Deployment, since: datetime) -> Flow[tuple[LogLine, ...]]:
        """Return log lines."""
        self.read_since.append(since)
        return self._play(self.scripted_logs) if self.scripted_logs else ()
        yield

    @staticmethod
    def _play(script: list[Any]) -> Any:
        step = script.pop(0)
        if isinstance(step, RollbackError):
            raise step
        return step


class Heard:
    """A log that keeps its messages."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []

    def info(self, msg: str, /, *args: Any) -> None:
        """Keep it."""
        self.infos.append(msg % args)

    def warning(self, msg: str, /, *args: Any) -> None:
        """Keep it."""
        self.warnings.append(msg % args)


DONE = submitted().rollback
GOES_ON = replace(DONE, status=DeployStatus.IN_PROGRESS)


def run(platform: ScriptedPlatform, log: Heard | None = None) -> tuple[Outcome, list[float]]:
    """Track the rollback; return its outcome and the pauses, which take no time."""
    pauses: list[float] = []
    flow = track(platform, tracking(), log or Heard()).until_done()  # type: ignore[arg-type]
    return run_flow(flow, send=pytest.fail, sleep=pauses.append), pauses


@pytest.mark.parametrize(
    ("timeout", "runs", "target", "seconds"),
    [
        (None, "3.1-12", "3.1-8", 30 * 60),
        (None, "3.1-12", "13.2.0", 120 * 60),
        (90, "3.1-12", "13.2.0", 90),
        (0.5, "3.1-12", "3.1-8", 0.5),
    ],
)
def test_how_long_is_waited(timeout: Any, runs: str, target: str, seconds: float) -> None:
    """Longer from Airflow 3 to 2, unless the task says how long."""
    made = new_tracking(submitted(runs, target), timeout=timeout, poll_interval=15, where="the page")
    assert made.deadline - made.started_at == pytest.approx(seconds)
    assert abs(made.started_at - time.time()) < 60


def test_what_is_waited_for() -> None:
    """The rollback's own row, what it goes back to and when the platform made it."""
    made = tracking()
    assert (made.deployment_id, made.rollback_id, made.target.id) == ("c1", "r1", "d1")
    assert made.submitted_at == NOW.timestamp()
    assert made.scope is Scope.IMAGE
    assert type(made).from_dict(made.to_dict()) == made


def test_a_scope_that_the_platform_does_not_tell() -> None:
    """The part that the mechanism carries."""
    assert tracking(scope=None).scope in Scope


def test_polls_until_it_has_ended() -> None:
    """With growing pauses between."""
    outcome, pauses = run(ScriptedPlatform([GOES_ON, GOES_ON, DONE]))
    assert outcome.status is RollbackStatus.DONE
    assert len(pauses) == 2
    assert pauses[0] < pauses[1] <= 15


def test_shows_the_platforms_log_on_the_way() -> None:
    """Each line once, the last ones too, from the rollback's beginning on. A line is no format."""
    first, last = LogLine("1", NOW, "[helm] upgrading"), LogLine("2", NOW, "[helm] 50% of %s")
    script, heard = ScriptedPlatform([GOES_ON, DONE], [(first,), (first, last)]), Heard()
    run(script, heard)
    assert heard.infos == ["platform: [helm] upgrading", "platform: [helm] 50% of %s"]
    assert script.read_since[0] == NOW


def test_logs_that_are_not_available_do_not_matter() -> None:
    """They are mentioned once; the rollback is followed all the same."""
    problem = PlatformFailed("Elasticsearch is away")
    script, heard = (
        ScriptedPlatform([GOES_ON, GOES_ON, DONE], [problem, PermissionMissing("no"), problem]),
        Heard(),
    )
    assert run(script, heard)[0].status is RollbackStatus.DONE
    assert heard.warnings == ["The platform's log of the rollback is not available: Elasticsearch is away"]


def test_logs_of_a_platform_that_has_none_are_not_asked_for() -> None:
    """Nor of one whose log was shown as far as a task log should hold."""
    script = ScriptedPlatform([GOES_ON, DONE], has_logs=False)
    run(script)
    assert script.read_since == []


def test_an_endless_log_is_bounded() -> None:
    """Once enough was shown, no request reads it."""
    lines = tuple(LogLine(str(n), NOW, "x" * 5000) for n in range(600))
    script, heard = ScriptedPlatform([GOES_ON, GOES_ON, DONE], [lines, lines, lines]), Heard()
    run(script, heard)
    assert len(heard.infos) == 501
    assert max(map(len, heard.infos)) < 1100
    assert len(script.read_since) == 1


def test_an_outage_is_logged_and_waited_out() -> None:
    """Failed polls do not end the wait."""
    problem = PlatformFailed("HTTP 503")
    script, heard = ScriptedPlatform([problem, problem, DONE]), Heard()
    assert run(script, heard)[0].status is RollbackStatus.DONE
    assert heard.warnings == ["Could not poll the rollback r1: HTTP 503"] * 2


@pytest.mark.parametrize("outcome", [Outcome(RollbackStatus.DONE, "r1", "The rollback r1 is done."), None])
def test_the_result_is_small_and_json(outcome: Outcome | None) -> None:
    """Also when the task did not wait."""
    result = result_of(tracking(), outcome)
    assert result["status"] == ("done" if outcome else "not waited for")
    assert result["history"] == "the page"
    assert all(isinstance(value, (str, bool)) for value in result.values())
