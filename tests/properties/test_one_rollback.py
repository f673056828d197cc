# SPDX-License-Identifier: Apache-2.0
"""One idempotency key ends in at most one rollback, and a good one, under random deploys, faults and kills.

A task runs against the embedded platform, which has rules of its own. These tests derive the deploys that
were rolled back from the platform's rows, without the package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_rollback_provider.domain.errors import OutcomeUnknown, RollbackError, RollbackNotDone
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.hooks import client
from airflow_rollback_provider.hooks.client import DeployHistoryClient
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.http import transports
from airflow_rollback_provider.http.transports import RequestsTransport
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.rollback import submit as attempt
from airflow_rollback_provider.rollback import tracking
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.rules import forbidden_path
from tests.faults.engine import short_pauses
from tests.support.store import DictStore
from tests.support.task_run import TaskInstance, run

KEY = "random"
RUNTIMES = ["12.7.1", "13.2.0", "3.0-4", "3.1-8", "3.1-12"]
DEPLOYED = ["3.1-8", "3.1-12", "3.1-12", "3.1-12", "13.2.0", "3.0-4"]
FAULTS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "the request is lost": [{"kind": "drop_before", "operation": "RollBack"}],
    "the answer is lost": [{"kind": "drop_after", "operation": "RollBack"}],
    "a gateway gives up": [{"kind": "status", "operation": "RollBack", "status": 504, "after_commit": True}],
    "the platform fails": [{"kind": "status", "operation": "RollBack", "status": 500}],
    "too many requests": [{"kind": "status", "operation": "RollBack", "status": 429, "retry_after": "0"}],
    "odd words after the commit": [
        {"kind": "api_error", "operation": "RollBack", "name": "Odd", "after_commit": True}
    ],
    "the answer is lost, then all is away": [
        {"kind": "drop_after", "operation": "RollBack"},
        {"kind": "status", "operation": "Deploys", "status": 503, "skip": 1, "count": None},
    ],
    "the request is lost, then all is away": [
        {"kind": "drop_before", "operation": "RollBack"},
        {"kind": "status", "operation": "Deploys", "status": 503, "skip": 1, "count": None},
    ],
    "the history is away": [{"kind": "status", "operation": "Deploys", "status": 500, "count": None}],
    "everything is away": [{"kind": "drop_before", "operation": None, "count": None}],
    "a deploy lands after the plan": [
        {"kind": "land_after", "operation": "SurveyHistory", "deployment": KEY, "draft": {"tag": "surprise"}}
    ],
}


class Killed(BaseException):
    """The worker's process ends at this point."""


@dataclass
class Clock:
    """Stands in for ``time`` and moves the platform's clock along."""

    sandbox: SandboxProcess
    now: float

    def time(self) -> float:
        """Return the time."""
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds
        self.sandbox.clock(advance=seconds)


@contextmanager
def killed(where: str) -> Iterator[None]:
    """Let the process end just before or just after the request of the rollback."""
    run = RequestsTransport.run

    def dying(self: RequestsTransport, flow: Any) -> Any:
        if flow.__name__ != "roll_back":
            return run(self, flow)
        if where == "after":
            run(self, flow)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        if where:
            patch.setattr(RequestsTransport, "run", dying)
        yield


def left_behind(rows: list[dict[str, Any]]) -> set[str]:
    """Return the deploys that ran when a rollback succeeded, from rows with the newest first."""
    good = [row for row in rows if row["status"] == "DEPLOYED"]
    return {older["id"] for row, older in pairwise(good) if row["rollbackFromId"]}


class Deployments(RuleBasedStateMachine):
    """One Deployment with users, Dags, faults and time.

    :param sandbox: the platform.
    """

    def __init__(self, sandbox: SandboxProcess) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.has_lied = False
        sandbox.reset("empty")
        sandbox.clock(freeze=True)
        sandbox.settings(rollback_seconds=5, cross_major_seconds=20)
        ages = [89 * 86_400, 40 * 86_400, 9 * 86_400, 86_400, 3_600]
        drafts = [
            {"age": age, "tag": f"t{n}", "bundle": f"b{n}", "runtime": RUNTIMES[n]}
            for n, age in enumerate(ages)
        ]
        self.deployment_id = sandbox.add_deployment(
            KEY, mechanism="dag_deploy", workspace="data-platform", deploys=drafts
        )["id"]
        self.clock = Clock(sandbox, datetime.now(timezone.utc).timestamp())
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(attempt, "time", self.clock)
        self.patch.setattr(tracking, "time", self.clock)
        self.patch.setattr(transports, "time", self.clock)
        self.store = DictStore()
        self.runs: list[dict[str, Any]] = []
        self.ends: Counter[str] = Counter()
        self.number = len(ages)

    def teardown(self) -> None:
        """Put the real time back."""
        self.patch.undo()
        SEEN.update(self.ends)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The history, newest first."""
        rows: list[dict[str, Any]] = self.sandbox.deployment(KEY)["deploys"]
        return rows

    def next_number(self) -> int:
        """Return a number that was not used before."""
        self.number += 1
        return self.number

    # What others do

    @rule(
        runtime=st.sampled_from(DEPLOYED),
        parts=st.sampled_from(["both", "dags", "image"]),
        ends=st.sampled_from(["good", "good", "good", "good", "bad", "later"]),
        again=st.booleans(),
    )
    def deploy(self, runtime: str, parts: str, ends: str, again: bool) -> None:
        """A user deploys new content, earlier content, or a part; it may fail or take long."""
        number = self.number % 5 if again else self.next_number()
        draft: dict[str, Any] = {"outcome": "FAILED" if ends == "bad" else "DEPLOYED"}
        if ends == "later":
            draft["seconds"] = None
        if parts != "dags":
            draft |= {"tag": f"t{number}", "runtime": runtime}
        if parts != "image":
            draft["bundle"] = f"b{number}"
        kind = {"both": "IMAGE_AND_DAG", "dags": "DAG_ONLY", "image": "IMAGE_ONLY"}[parts]
        self.sandbox.land_deploy(KEY, type=kind, **draft)

    @rule(outcome=st.sampled_from(["DEPLOYED", "FAILED"]))
    def end(self, outcome: str) -> None:
        """The deploys in progress end."""
        for row in self.rows:
            if row["status"] not in ("DEPLOYED", "FAILED"):
                self.sandbox.change_deploy(KEY, row["id"], outcome=outcome, seconds=0)

    @rule(hours=st.sampled_from([0.01, 1, 30]))
    def wait(self, hours: float) -> None:
        """Time passes; the oldest deploys get too old."""
        self.clock.sleep(hours * 3600)

    @rule(
        script=st.sampled_from([
            {"outcome": "FAILED", "seconds": 3},
            {"seconds": None},
            {"seconds": 0},
            {"applies": False},
        ])
    )
    def spoil(self, script: dict[str, Any]) -> None:
        """The next rollback fails, never ends, ends at once, or says that it was done when it was not."""
        self.sandbox.next_rollbacks(script)
        self.has_lied = self.has_lied or script.get("applies") is False

    # What the task does

    @precondition(lambda self: len(self.runs) < 6)
    @rule(
        wanted=st.sampled_from([
            "previous",
            "previous",
            "previous",
            "tag:t4",
            "tag:t3",
            "runtime:3.1",
            "airflow:2",
            "id:1",
            "id:2",
        ]),
        scope=st.sampled_from([None, None, None, "dags", "image"]),
        fault=st.sampled_from([*["none"] * 10, *sorted(FAULTS)]),
        kill=st.sampled_from(["", "", "", "", "before", "after"]),
    )
    def dag_run(self, wanted: str, scope: str | None, fault: str, kill: str) -> None:
        """A new run of the Dag."""
        rows = self.rows
        target = wanted
        if wanted.startswith("id:"):
            target = rows[min(int(wanted[3:]), len(rows) - 1)]["id"]
        self._try(self.new_run(target, scope), fault, kill)

    def new_run(self, target: str, scope: str | None) -> dict[str, Any]:
        """Return a Dag run with a key of its own."""
        name = f"run-{len(self.runs)}"
        task = RollbackOperator(
            task_id="roll_back",
            deployment_id=self.deployment_id,
            description="any",
            target=target,
            scope=scope,
        )
        request = task.request({"ti": TaskInstance(run_id=name)})
        key = request.idempotency_key(DeployHistoryHook().read(self.deployment_id))
        self.runs.append({"target": target, "scope": scope, "run": name, "key": key, "ids": set()})
        return self.runs[-1]

    @precondition(lambda self: self.runs)
    @rule(
        data=st.data(),
        fault=st.sampled_from([*["none"] * 10, *sorted(FAULTS)]),
        kill=st.sampled_from(["", "", "", "before", "after"]),
    )
    def retry(self, data: st.DataObject, fault: str, kill: str) -> None:
        """A retry of a task, or one that was cleared."""
        self._try(data.draw(st.sampled_from(self.runs)), fault, kill)

    def _try(self, dag_run: dict[str, Any], fault: str, kill: str) -> None:
        for values in FAULTS[fault]:
            self.sandbox.fault(**values)
        self.sandbox.clear_requests()
        before = self.rows
        operator = RollbackOperator(
            task_id="roll_back",
            deployment_id=self.deployment_id,
            description="errors since the deploy",
            target=dag_run["target"],
            scope=dag_run["scope"],
            acknowledge_airflow_3_to_2=True,
            submission_grace_period=0.1,
            timeout=90,
        )
        operator.state_store = lambda context: self.store  # type: ignore[method-assign]
        try:
            with killed(kill):
                result = run(operator, TaskInstance(run_id=dag_run["run"]))
        except Killed:
            end = "Killed"
        except RollbackError as error:
            end = type(error).__name__
            self._changed_nothing(dag_run, before, error)
        else:
            end = result["status"]
            self._runs_the_target(result)
        finally:
            self.sandbox.clear_faults()
        self.ends[end] += 1
        self._check(dag_run, before, fault)

    def _tagged(self, dag_run: dict[str, Any]) -> list[dict[str, Any]]:
        tag = f"[idempotency-key:{dag_run['key']}]"
        return [row for row in self.rows if (row["description"] or "").endswith(tag)]

    def _changed_nothing(self, dag_run: dict[str, Any], before: list[Any], error: RollbackError) -> None:
        """An error that does not speak of a rollback that was submitted means that none was."""
        if not isinstance(error, RollbackNotDone):
            known = {row["id"] for row in before}
            assert all(row["id"] in known for row in self._tagged(dag_run)), error
        if not isinstance(error, OutcomeUnknown):
            assert not isinstance(error, RollbackNotDone) or self._tagged(dag_run), error

    def _runs_the_target(self, result: dict[str, Any]) -> None:
        rows, deployment = self.rows, self.sandbox.deployment(KEY)
        running = next(row for row in rows if row["status"] == "DEPLOYED")
        target = next((row for row in rows if row["id"] == result["target_id"]), None)
        assert running["id"] == result["rollback_id"]
        if target is None:  # it got too old since; an earlier check has seen it
            return
        if result["scope"] != "dags":
            assert deployment["runtimeVersion"] == target["runtimeVersion"]
            # The platform tells the package which Runtime a Deployment runs, but not which image: a platform
            # that says "done" and leaves another image of the same Runtime running cannot be caught.
            assert self.has_lied or deployment["deployInfo"]["current"] == target["imageTag"]
        if result["scope"] != "image":
            assert running["dagBundleVersion"] == target["dagBundleVersion"]

    def _check(self, dag_run: dict[str, Any], before: list[dict[str, Any]], fault: str) -> None:
        """Check the rollback that this try has made, if it has made one."""
        tagged = self._tagged(dag_run)
        new = [row for row in tagged if row["id"] not in {old["id"] for old in before}]
        dag_run["ids"] |= {row["id"] for row in tagged}
        sent = [request for request in self.sandbox.requests() if request["operation"] == "RollBack"]
        assert len(sent) <= 1
        # The platform's rules are its own: what they refuse should not even have been asked for.
        assert not any(request["errors"] for request in sent), sent
        for rollback in new:
            self._check_rollback(rollback, dag_run, before)

    def _check_rollback(self, rollback: dict[str, Any], dag_run: dict[str, Any], before: list[Any]) -> None:
        """Check a rollback that a try has just made."""
        rows = self.rows
        (target,) = [row for row in before if row["id"] == rollback["rollbackFromId"]]
        below = rows[rows.index(rollback) + 1 :]
        source = next(row for row in below if row["status"] == "DEPLOYED")
        assert below[0]["id"] == before[0]["id"], "a deploy that landed meanwhile was rolled back from"
        choices = [value for key, value in self.store.written if key.startswith("rollback_choice_")]
        first = next(choice for choice in choices if choice["idempotency_key"] == dag_run["key"])
        assert target["id"] == first["target_id"], "not what the first try chose"
        assert target["status"] == "DEPLOYED"
        if rollback["scope"] != "DAGS":
            assert forbidden_path(source["runtimeVersion"], target["runtimeVersion"]) is None
        if target["id"] != dag_run["target"]:
            assert target["id"] not in left_behind(before)

    @invariant()
    def one_run_one_rollback(self) -> None:
        """However often it was tried, and by whatever way."""
        for dag_run in self.runs:
            assert len(dag_run["ids"]) <= 1


SEEN: Counter[str] = Counter()


@pytest.mark.timeout(400)  # a failure is reported only after it was shrunk
def test_one_key_is_at_most_one_rollback(
    rollback_sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random deploys, failures, retries and rollbacks, with faults and deaths on the way."""
    connection = rollback_sandbox_process.connection_json("editor")
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", connection)
    SEEN.clear()
    with short_pauses():
        run_state_machine_as_test(
            cast("Any", lambda: Deployments(rollback_sandbox_process)),
            settings=settings(
                max_examples=30,
                stateful_step_count=14,
                report_multiple_bugs=False,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )
    assert SEEN["done"]  # the run is worth something only if it led there at all


# The checks above can fail


@pytest.fixture
def deployments(
    rollback_sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployments]:
    """The same, led by hand."""
    connection = rollback_sandbox_process.connection_json("editor")
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", connection)
    with short_pauses():
        deployments = Deployments(rollback_sandbox_process)
        yield deployments
        deployments.teardown()


def _new(deployments: Deployments, target: str, fault: str = "none", kill: str = "") -> None:
    deployments._try(deployments.new_run(target, None), fault, kill)


def _again(deployments: Deployments, fault: str = "none", kill: str = "") -> None:
    deployments._try(deployments.runs[-1], fault, kill)
    deployments.one_run_one_rollback()


def _repeats(deployments: Deployments) -> None:
    _new(deployments, "previous")
    deployments.sandbox.land_deploy(KEY, tag="new", runtime="3.1-12", bundle="new")
    _again(deployments)


def _chooses_anew(deployments: Deployments) -> None:
    _new(deployments, "previous", kill="before")
    deployments.sandbox.land_deploy(KEY, tag="new", runtime="3.1-12", bundle="new")
    _again(deployments)


def _returns_to_the_bad(deployments: Deployments) -> None:
    _new(deployments, "previous")
    _new(deployments, "tag:t4")


def _takes_a_surprise_away(deployments: Deployments) -> None:
    _new(deployments, "previous", fault="a deploy lands after the plan")


def _asks_for_what_is_forbidden(deployments: Deployments) -> None:
    _new(deployments, deployments.rows[2]["id"])  # Runtime 3.0-4 takes no part in rollbacks


def _claims_alone(attempt: Any) -> None:
    attempt._pending.claim()


BROKEN: dict[str, tuple[Any, str, Any, Any]] = {
    "does not search for its tag": (client, "find_by_key", lambda *_: None, _repeats),
    "ignores the stored choice": (attempt.RollbackAttempt, "_resolve_pending", _claims_alone, _chooses_anew),
    "ignores what was rolled back from": (
        History,
        "rejection",
        lambda *_: None,
        _returns_to_the_bad,
    ),
    "does not check before it sends": (
        DeployHistoryClient,
        "_last_check",
        lambda *_: None,
        _takes_a_surprise_away,
    ),
    "does not check the plan": (
        RollbackPlan,
        "require_allowed",
        lambda *_: None,
        _asks_for_what_is_forbidden,
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_package_is_found(
    deployments: Deployments, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Each rule of the package that is taken out makes a check fail."""
    where, name, broken, steps = BROKEN[how]
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(AssertionError):
        steps(deployments)


@pytest.mark.parametrize("how", BROKEN)
def test_a_sound_package_passes(deployments: Deployments, how: str) -> None:
    """The same steps, nothing taken out."""
    BROKEN[how][3](deployments)
