# SPDX-License-Identifier: Apache-2.0
"""Injects one fault into one request of a rollback and returns the result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NoReturn

import pytest

from airflow_rollback_provider.compat import AirflowFailException
from airflow_rollback_provider.domain import poller
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.hooks import client
from airflow_rollback_provider.http.connection_fields import Fields
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.leaks import Evidence
from tests.support.store import DictStore
from tests.support.task_run import TaskInstance, run

_NUMBERS = count(1)
_NO_ANSWER = 0.4
"""Read timeout of the cases without a response in time, in seconds."""


@dataclass(frozen=True)
class Step:
    """One request of a rollback.

    :param operation: its name on the platform.
    :param skip: the number of earlier requests of this operation if the task polls.
    :param deferred: the same if the task is deferred, None if the triggerer does not send it.
    :param by_name: the Deployment is named by its release name (hosted Astro: namespace).
    :param far: the target is named by an id that is not on the latest page.
    """

    operation: str
    skip: int = 0
    deferred: int | None = None
    by_name: bool = False
    far: bool = False

    @property
    def reads_first(self) -> bool:
        """Whether it is sent before the rollback, and changes nothing."""
        return not self.rolls_back and self.deferred is None

    @property
    def rolls_back(self) -> bool:
        """Whether it is the rollback itself."""
        return self.operation in ("RollBack", "DeployRollback")

    @property
    def polls(self) -> bool:
        """Whether it polls the rollback. Without a response, the task waits."""
        return self.deferred is not None and self.operation != "Logs"


PRIVATE_CLOUD = {
    "find the Deployment by its release name": Step("WorkspaceDeployments", by_name=True),
    "read the Deployment": Step("SurveyContext"),
    "read the history": Step("SurveyHistory"),
    "read a target beyond the latest page": Step("Deploy", far=True),
    "validate the rollback request": Step("ProveRollBack"),
    "last read before the request": Step("Deploys"),
    "the rollback itself": Step("RollBack"),
    "poll the rollback": Step("Deploys", skip=1, deferred=2),
    "check what the Deployment runs": Step("Deployment", deferred=0),
    "read the platform's log": Step("Logs", deferred=0),
}
# One operation reads the history throughout, and there is no log.
HOSTED = {
    "find the Deployment by its release name": Step("ListDeployments", by_name=True),
    "read the Deployment": Step("GetDeployment"),
    "read the history": Step("ListDeploys"),
    "read a target beyond the latest page": Step("GetDeploy", far=True),
    "last read before the request": Step("ListDeploys", skip=1),
    "the rollback itself": Step("DeployRollback"),
    "poll the rollback": Step("ListDeploys", skip=2, deferred=3),
    "check what the Deployment runs": Step("GetDeployment", skip=1, deferred=1),
}
STEPS = {"astro_private_cloud": PRIVATE_CLOUD, "astro": HOSTED}

# Errors in the platform's own form: Houston's have a name, hosted Astro's a status.
_REFUSED = {"kind": "api_error", "name": "RollbackNotAllowedError", "status": 400}

FAULTS: dict[str, dict[str, Any]] = {
    "slow, in time": {"kind": "latency", "delay": 0.05},
    "no answer in time": {"kind": "latency", "delay": 3 * _NO_ANSWER},
    "body too slow": {"kind": "slow_body", "seconds": 30 * _NO_ANSWER},
    "HTTP 500": {"kind": "status", "status": 500},
    "HTTP 503 after the commit": {"kind": "status", "status": 503, "after_commit": True},
    "HTTP 429": {"kind": "status", "status": 429, "retry_after": "0"},
    "HTTP 401": {"kind": "status", "status": 401},
    "HTTP 403": {"kind": "status", "status": 403},
    "dropped before": {"kind": "drop_before"},
    "dropped after": {"kind": "drop_after"},
    "truncated body": {"kind": "body", "body": "truncated"},
    "HTML body": {"kind": "body", "body": "html"},
    "empty body": {"kind": "body", "body": "empty"},
    "wrong shape": {"kind": "body", "body": "wrong_shape"},
    "internal error": {"kind": "api_error"},
    "internal error after the commit": {"kind": "api_error", "after_commit": True},
    "refused": {**_REFUSED, "message": "not today"},
    "refused after the commit": {**_REFUSED, "message": "not today", "after_commit": True},
    "permission gone": {
        "kind": "api_error",
        "name": "PermissionError",
        "status": 403,
        "message": "forbidden",
    },
    "token expired": {
        "kind": "api_error",
        "name": "AuthenticationError",
        "status": 401,
        "message": "AUTH_TOKEN_REFRESH_FAILED: the token has expired",
    },
    "another deploy just before": {"kind": "land_before"},
    "another deploy just after": {"kind": "land_after"},
}
ONLY_THE_ROLLBACK = {
    "HTTP 503 after the commit",
    "internal error after the commit",
    "refused",
    "refused after the commit",
}
"""Faults that are the same as another one if a request changes nothing."""


ENDS_BY_ITSELF = {"slow, in time", "HTTP 401", "HTTP 403", "permission gone", "token expired"}
"""Faults that, injected into each poll, end the tracking long before its deadline, or do not affect it."""


NOT_SENT_AGAIN = {"HTTP 401", "HTTP 403", "permission gone", "token expired", "internal error"} | {
    name for name, fault in FAULTS.items() if fault["kind"] == "body"
}
"""Faults of a read that end the task the first time they are injected: always is the same as once."""


def cases(platform: str) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield each useful combination: platform, request, fault, ``once`` or ``always``, deferred or
    not.

    Until the first poll, deferred tasks send the same requests as those that poll. So the fault is injected
    again only into the requests of the triggerer, with ``always``.
    """
    for step, where in STEPS[platform].items():
        for fault, values in FAULTS.items():
            if fault in ONLY_THE_ROLLBACK and not where.rolls_back:
                continue
            lands = values["kind"].startswith("land")
            yield platform, step, fault, "once", False
            once_is_all = where.rolls_back or (where.reads_first and fault in NOT_SENT_AGAIN)
            if not once_is_all and not lands:
                yield platform, step, fault, "always", False
            if where.deferred is not None:
                yield platform, step, fault, "once" if lands else "always", True


@dataclass(frozen=True)
class Result:
    """The result of a case.

    :param end: ``done`` or the error's name; ``, retry`` polls if the task's retries apply.
    :param rollbacks: rollbacks in the history after the try.
    :param again: the same for another try of the task, without the fault; a dash after ``done``.
    :param at_last: rollbacks in the history by then.
    """

    end: str
    rollbacks: int
    again: str
    at_last: int

    def __str__(self) -> str:
        return f"{self.end} | {self.rollbacks} | {self.again} | {self.at_last}"


@contextmanager
def short_pauses() -> Iterator[None]:
    """Shorten every pause. The order of the events stays the same."""
    policy = Fields.policy

    def short(fields: Fields) -> Any:
        return replace(policy(fields), tries=2, first_pause=0.01, longest_pause=0.02)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fields, "policy", short)
        patch.setattr(client, "FIRST_PAUSE", 0.01)
        patch.setattr(poller, "FIRST_DELAY", 0.02)
        yield


class Case:
    """One Deployment with a task that rolls it back.

    :param sandbox: the platform.
    :param platform: one of :data:`STEPS`.
    :param step: the request of the fault.
    :param fault: the fault.
    :param deferrable: whether the task waits in the triggerer.
    """

    def __init__(
        self, sandbox: SandboxProcess, platform: str, step: str, fault: str, *, deferrable: bool = False
    ) -> None:
        self.sandbox, self.platform, self.fault, self.deferrable = sandbox, platform, fault, deferrable
        self.step = STEPS[platform][step]
        self.store, self.ti = DictStore(), TaskInstance(run_id=f"case-{next(_NUMBERS)}")
        rows = 110 if self.step.far else 3
        drafts = [{"age": 60 * (rows - n), "tag": f"v{n}", "seconds": 1} for n in range(rows)]
        self.deployment = sandbox.add_deployment(
            self.ti.run_id, mechanism="dag_deploy", workspace="data-platform", deploys=drafts
        )
        self.deploys = [row["id"] for row in self.deployment["deploys"]]
        self.late = FAULTS[fault]["kind"] == "slow_body" or FAULTS[fault].get("delay", 0) > _NO_ANSWER
        self.timeout, self.injected = 20.0, 0
        # When an event is older than this, the task polls once more, and finds the other deploy.
        self.poll_interval = 0.5 if FAULTS[fault]["kind"].startswith("land") else 0.05
        if deferrable:
            # The clock is frozen until the task is deferred: its first poll finds the rollback in progress.
            sandbox.clock(freeze=True)
            in_progress = FAULTS[fault]["kind"].startswith("land")  # at the triggerer's first poll too
            sandbox.settings(rollback_seconds=1.5 if in_progress else 0.05)
        else:
            sandbox.settings(rollback_seconds=0)

    def connection(self) -> str:
        """Return the connection of the task as JSON."""
        extra = {"workspace_id": self.deployment["workspace"]["id"]} if self.step.by_name else {}
        timeout = _NO_ANSWER if self.late else 20
        return self.sandbox.connection_json("editor", self.platform, read_timeout=timeout, **extra)

    def inject(self, times: str) -> None:
        """Script the fault."""
        fault = dict(FAULTS[self.fault])
        if fault["kind"].startswith("land"):
            fault |= {"deployment": self.ti.run_id, "draft": {"tag": "hotfix"}}
        if times == "always" and self.step.polls and self.fault not in ENDS_BY_ITSELF:
            self.timeout = 0.5
        skip = self.step.deferred if self.deferrable else self.step.skip
        assert skip is not None
        self.sandbox.fault(
            fault.pop("kind"),
            self.step.operation,
            count=1 if times == "once" else None,
            skip=skip,
            **fault,
        )

    def task(self) -> RollbackOperator:
        """Return the task."""
        operator = RollbackOperator(
            task_id="roll_back",
            deployment_id=self.deployment["releaseName" if self.step.by_name else "id"],
            description="the matrix of faults",
            target=self.deploys[-2] if self.step.far else "previous",
            deferrable=self.deferrable,
            poll_interval=self.poll_interval,
            timeout=self.timeout,
            # Longer than the platform needs to carry out a request after the client's timeout.
            submission_grace_period=5 * _NO_ANSWER if self.late else 0.1,
        )
        operator.state_store = lambda context: self.store  # type: ignore[method-assign]
        defer = operator.defer

        def deferring(**kwargs: Any) -> NoReturn:
            self.sandbox.clock(freeze=False)
            defer(**kwargs)

        operator.defer = deferring  # type: ignore[method-assign]
        return operator

    def attempt(self) -> tuple[str, BaseException | None]:
        """Run one try; return its end."""
        try:
            result = run(self.task(), self.ti)
        except RollbackError as error:
            retried = "" if isinstance(error, AirflowFailException) else ", retry"
            return f"{type(error).__name__}{retried}", error
        assert result["status"] == "done"
        return "done", None

    def rollbacks(self) -> int:
        """Count the rollbacks in the history."""
        rows = self.sandbox.deployment(self.ti.run_id)["deploys"]
        return sum(row["rollbackFromId"] is not None for row in rows)

    def observe(self, evidence: Evidence) -> Result:
        """Run a try, then another one without the fault.

        :param evidence: collects their errors and stored values.
        """
        end, error = self.attempt()
        if error is not None:
            evidence.add_error(error)
        self.injected = self.sandbox.state()["faults"][0]["hits"]
        rollbacks = self.rollbacks()
        self.sandbox.clear_faults()
        self.timeout = 20.0
        again = self.attempt()[0] if end != "done" else "-"
        evidence.add("xcom", self.ti.xcom)
        evidence.add("store", self.store.written)
        evidence.add("platform", self.sandbox.state())
        return Result(end, rollbacks, again, self.rollbacks())
