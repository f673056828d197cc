# SPDX-License-Identifier: Apache-2.0
"""One try of a task against the sandbox: one key, one rollback, whatever an earlier try left behind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.domain.guard_rails import GuardRails
from airflow_rollback_provider.domain.idempotency import key_in, make_idempotency_key
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.rollback import submit as attempt
from airflow_rollback_provider.rollback.guards import PreSubmitGuards
from airflow_rollback_provider.rollback.pending import PendingStore, PendingSubmission
from airflow_rollback_provider.rollback.submit import RollbackRequest, Submitted, submit_rollback
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.store import DictStore

KEY, TASK = "image-af3", ("remediation", "manual__1", "roll_back")
LOG = logging.getLogger("tests.attempt")


@dataclass
class Clock:
    """Stands in for ``time``: sleeping takes no time and may let something happen meanwhile."""

    now: float = field(default_factory=time.time)
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], Any] = lambda: None

    def time(self) -> float:
        """Return the time."""
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds
        self.slept.append(seconds)
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that a try goes by."""
    clock = Clock()
    monkeypatch.setattr(attempt, "time", clock)
    return clock


@dataclass
class Bench:
    """One Deployment, the state that the tries of one task share, and a way to make a try."""

    sandbox: SandboxProcess
    store: DictStore

    @property
    def ids(self) -> list[str]:
        """Ids of the Deployment's deploys, newest first."""
        return [row["id"] for row in self.sandbox.deployment(KEY)["deploys"]]

    @property
    def deployment_id(self) -> str:
        """The Deployment's id."""
        return self.sandbox.deployment(KEY)["id"]

    @property
    def rollbacks(self) -> list[dict[str, Any]]:
        """Deploys that carry a tag."""
        rows = self.sandbox.deployment(KEY)["deploys"]
        return [row for row in rows if key_in(row["description"] or "")]

    @property
    def sent(self) -> int:
        """How many requests for a rollback arrived."""
        return sum(request["operation"] == "RollBack" for request in self.sandbox.requests())

    def request(self, **kwargs: Any) -> RollbackRequest:
        """Return the arguments of the task."""
        defaults = {
            "description": "too slow",
            "target": DeploySelector("previous"),
            "scope": None,
            "identity": TASK,
        }
        return RollbackRequest(**{"deployment_id": self.deployment_id, **defaults, **kwargs})

    @property
    def idempotency_key(self) -> str:
        """The idempotency key of the task."""
        return make_idempotency_key(*TASK, self.deployment_id, "image", target="previous")

    @property
    def kept(self) -> list[PendingSubmission]:
        """The stored requests that may be under way, and choices."""
        values = [*self.store.values("sent"), *self.store.values("choice")]
        known = {field.name for field in fields(PendingSubmission)}
        return [
            PendingSubmission(**{name: value[name] for name in value if name in known}) for value in values
        ]

    def hook(self, **extra: Any) -> DeployHistoryHook:
        """Return a hook of a process of its own, as each try has."""
        hook = DeployHistoryHook()
        hook.transport.sleep = lambda _seconds: None
        return hook

    def attempt(self, **kwargs: Any) -> Submitted | RollbackPlan:
        """Make one try."""
        return submit_rollback(self.request(**kwargs), self.hook(), self.store, LOG)

    def submit(self, **kwargs: Any) -> Submitted:
        """Make one try that ends with a rollback."""
        done = self.attempt(**kwargs)
        assert isinstance(done, Submitted)
        return done

    def keep(self, target: str, *, latest: str | None = None, sent_at: float | None = None) -> None:
        """Let an earlier try have chosen; ``sent_at`` if it was killed around the request."""
        chosen = PendingSubmission(self.deployment_id, target, latest or self.ids[0], self.idempotency_key)
        PendingStore(self.store, self.idempotency_key).choose(chosen)
        if sent_at is not None:
            earlier = PendingStore(self.store, self.idempotency_key, lambda: sent_at)
            earlier.claim()
            earlier.before_sending(chosen)
        self.store.written.clear()


@pytest.fixture
def bench(connect: Any, rollback_sandbox: SandboxProcess, store: DictStore) -> Bench:
    """The means of these tests."""
    return Bench(rollback_sandbox, store)


# What is kept, and when


def test_the_choice_is_kept_before_the_request_is_sent(bench: Bench) -> None:
    """A try that is killed in the middle of the request leaves the target and the time behind."""
    before, began = bench.ids, time.time()
    seen: list[PendingSubmission] = []
    hook = bench.hook()
    run = hook.transport.run

    def watching(flow: Any) -> Any:
        if flow.__name__ == "roll_back":
            seen.extend(bench.kept)
        return run(flow)

    hook.transport.run = watching  # type: ignore[method-assign]
    submit_rollback(bench.request(), hook, bench.store, LOG)
    assert [(kept.target_id, kept.latest_id) for kept in seen] == [(before[2], before[0])] * 2
    assert began <= (seen[0].sent_at or 0) <= time.time()
    assert bench.store.texts == {}


def test_a_refused_request_keeps_the_choice_without_a_time(bench: Bench) -> None:
    """A request that the platform refused is not waited for, and its target stays chosen."""
    before = bench.ids
    bench.sandbox.fault("api_error", "RollBack", name="RollbackNotAllowedError", message="not today")
    with pytest.raises(errors.PlanRefused, match="not today"):
        bench.attempt()
    assert PendingStore(bench.store, bench.idempotency_key).get() == PendingSubmission(
        bench.deployment_id, before[2], before[0], bench.idempotency_key
    )


@pytest.mark.parametrize("verb", ["get", "set"])
def test_a_store_that_fails_stops_the_rollback(bench: Bench, verb: str) -> None:
    """Nothing is sent before the choice is stored, and a failed read does not mean that nothing was sent."""
    bench.keep(bench.ids[3])
    bench.store.down.add(verb)
    with pytest.raises(errors.StateUnavailable, match="away") as caught:
        bench.attempt()
    assert (bench.sent, caught.value.retryable) == (0, True)
    bench.store.down.clear()
    assert bench.submit().target.id == bench.ids[4]


def test_a_store_that_cannot_delete_fails_nothing(bench: Bench) -> None:
    """The rollback was submitted; what is left in Airflow is found to be done by the next try."""
    bench.store.down.add("delete")
    first = bench.submit()
    assert bench.kept[0].sent_at
    assert (bench.submit().rollback.id, bench.sent) == (first.rollback.id, 1)


# What an earlier try left behind


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "drop_after"}, "could not be read"),
        (
            {"kind": "api_error", "name": "Odd", "message": "odd", "after_commit": True},
            "(?s)odd.*could not be read",
        ),
    ],
    ids=["the answer is lost", "an unknown error"],
)
def test_a_retry_after_an_unknown_outcome_resumes_a_rollback_that_went_through(
    bench: Bench, clock: Clock, fault: dict[str, Any], words: str
) -> None:
    """The answer rules nothing out and the history was away: the next try finds the row and sends nothing."""
    before = bench.ids
    bench.sandbox.fault(operation="RollBack", **fault)
    bench.sandbox.fault("api_error", "Deploys", count=None, skip=1)
    with pytest.raises(errors.OutcomeUnknown, match=words) as caught:
        bench.attempt()
    assert (caught.value.retryable, bench.kept[0].sent_at) == (True, clock.now)
    bench.sandbox.clear_faults()
    done = bench.submit()
    assert (done.resumed, done.target.id) == (True, before[2])
    assert [row["id"] for row in bench.rollbacks] == [done.rollback.id]
    assert (bench.sent, bench.store.texts) == (1, {})


def test_a_lost_request_is_sent_again_by_the_next_try(bench: Bench, clock: Clock) -> None:
    """The history was read to the end of the grace period: the next try sends to the same target at once."""
    before = bench.ids
    bench.sandbox.fault("drop_before", "RollBack")
    with pytest.raises(errors.RequestLost, match="not carried out") as caught:
        bench.attempt()
    assert caught.value.retryable
    done = bench.submit()
    assert (done.resumed, done.target.id, clock.slept) == (False, before[2], [])
    assert len(bench.rollbacks) == 1


def test_a_killed_try_whose_row_is_there_is_resumed(bench: Bench, clock: Clock) -> None:
    """At once, without waiting."""
    first = bench.submit()
    bench.keep(first.target.id, latest="as it was", sent_at=clock.now)
    again = bench.submit()
    assert (again.resumed, again.rollback.id, again.target.id) == (True, first.rollback.id, first.target.id)
    assert (clock.slept, bench.sent, bench.store.texts) == ([], 1, {})


def test_a_killed_try_whose_row_shows_late_is_resumed(bench: Bench, clock: Clock) -> None:
    """A row that appears while the next try waits ends the waiting."""
    bench.keep(bench.ids[2], sent_at=clock.now)
    plan = bench.hook().plan(bench.deployment_id)
    clock.meanwhile = lambda: bench.hook().submit(plan, "too slow", bench.idempotency_key)
    done = bench.submit()
    assert (done.resumed, done.rollback.id) == (True, bench.rollbacks[0]["id"])
    assert len(clock.slept) == bench.sent == 1


@pytest.mark.parametrize("ago", [0, 10, 500, -500])
def test_a_request_that_may_be_under_way_is_given_its_time(bench: Bench, clock: Clock, ago: float) -> None:
    """A whole grace period from now on: the kept time is that of another clock, or of a stale try.

    The request is then sent to the same target, even if ``previous`` is another deploy now.
    """
    began, chosen = clock.now, bench.ids[3]
    bench.keep(chosen, sent_at=began - ago)
    sent_at: list[float] = []
    submit = PendingStore.before_sending
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            PendingStore,
            "before_sending",
            lambda *args: (sent_at.append(clock.now), submit(*args))[1],
        )
        done = bench.submit(submission_grace_period=60)
    assert (done.resumed, done.target.id, bench.rollbacks[0]["rollbackFromId"]) == (False, chosen, chosen)
    assert 60 <= min(sent_at) - began <= 66
    assert max(clock.slept) <= 15


@pytest.mark.parametrize(
    ("fault", "retryable"),
    [({"kind": "status"}, True), ({"kind": "api_error", "name": "PermissionError"}, False)],
    ids=["an outage", "a token that may not read it"],
)
def test_nothing_is_sent_while_the_history_cannot_be_read(
    bench: Bench, clock: Clock, fault: dict[str, Any], retryable: bool
) -> None:
    """The outcome is unknown then. A retry may find out, if the token may read the history."""
    bench.keep(bench.ids[2], sent_at=clock.now)
    bench.sandbox.fault(operation="Deploys", count=None, **fault)
    with pytest.raises(errors.OutcomeUnknown, match="clear this task") as caught:
        bench.attempt()
    assert f"[idempotency-key:{bench.idempotency_key}]" in str(caught.value)
    assert (bench.sent, bench.kept[0].sent_at, caught.value.retryable) == (0, clock.now, retryable)


@pytest.mark.parametrize("waits_for", ["an earlier request", "another deploy", "its own request"])
def test_a_token_may_be_renewed_while_a_try_waits(
    bench: Bench, clock: Clock, connect: Any, waits_for: str
) -> None:
    """After a refusal each wait before the rollback is known reads the connection again."""
    hook, slow = bench.hook(), None

    def renew() -> None:
        if len(clock.slept) == 1:
            connect("service-account")
            bench.sandbox.fault("api_error", name="AuthenticationError", count=1)
        elif slow is not None:
            bench.sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)

    clock.meanwhile = renew
    if waits_for == "an earlier request":
        bench.keep(bench.ids[2], sent_at=clock.now)
    elif waits_for == "another deploy":
        slow = bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    else:
        hook.transport.sleep = clock.sleep
        bench.sandbox.fault("drop_after", "RollBack", count=1)
    done = submit_rollback(bench.request(in_progress_timeout=600), hook, bench.store, LOG)
    assert isinstance(done, Submitted)
    assert len(bench.rollbacks) == 1
    assert bench.sandbox.requests()[-1]["token"] == "service-account"


def test_an_old_rollback_is_found_behind_many_deploys(bench: Bench) -> None:
    """A task that is cleared after weeks still finds its rollback, if the start of its run is known."""
    first = bench.submit(submission_grace_period=0)
    for number in range(120):
        bench.sandbox.land_deploy(KEY, tag=f"later-{number}")
    since = datetime.now(timezone.utc) - timedelta(days=2)
    again = bench.submit(first_try=since)
    assert (again.resumed, again.rollback.id) == (True, first.rollback.id)
    assert len(bench.rollbacks) <= 1


def test_the_target_of_a_resumed_rollback_may_be_gone(bench: Bench) -> None:
    """The nightly job deleted the target's row: the rollback's own row has the content."""
    first = bench.submit()
    bench.sandbox.remove_deploy(KEY, first.target.id)
    again = bench.submit()
    assert (again.resumed, again.target.id) == (True, first.target.id)
    assert again.target.versions == first.target.versions


def test_a_failed_rollback_is_resumed_too(bench: Bench) -> None:
    """One key has one rollback, however it ended; another rollback needs a new run of the Dag."""
    bench.sandbox.next_rollbacks({"outcome": "FAILED", "seconds": 0})
    first = bench.submit()
    assert bench.submit().rollback.id == first.rollback.id
    assert bench.sent == 1


# What others do meanwhile


@pytest.mark.parametrize("sent", [False, True], ids=["refused", "killed"])
def test_a_deploy_between_two_tries_makes_the_choice_stale(bench: Bench, clock: Clock, sent: bool) -> None:
    """A deploy that landed since may be the repair: it is not rolled back automatically."""
    chosen, latest = bench.ids[2], bench.ids[0]
    bench.sandbox.land_deploy(KEY, tag="hotfix")
    bench.keep(chosen, latest=latest, sent_at=clock.now - 500 if sent else None)
    with pytest.raises(errors.StalePlan, match=r"(?s)may be the repair.*new run of the Dag"):
        bench.attempt()
    assert bench.sent == 0


@pytest.mark.parametrize(
    ("kind", "operation"), [("land_after", "SurveyHistory"), ("land_before", "Deploys")], ids=str
)
def test_a_deploy_between_plan_and_request_makes_the_plan_stale(
    bench: Bench, kind: str, operation: str
) -> None:
    """The last check before the request finds it."""
    bench.sandbox.fault(kind, operation, deployment=KEY, draft={"tag": "hotfix"})
    with pytest.raises(errors.StalePlan, match="moved on since the plan was made"):
        bench.attempt()
    assert bench.sent == 0
    with pytest.raises(errors.StalePlan, match="may be the repair"):
        bench.attempt()
    assert bench.sent == 0


def test_the_expected_deploy_runs(bench: Bench) -> None:
    """The rollback is submitted while the deploy that the caller names is running."""
    assert bench.submit(expected_current_deploy_id=bench.ids[0]).resumed is False


@pytest.mark.parametrize("plan_only", [False, True])
def test_another_deploy_runs_than_expected(bench: Bench, plan_only: bool) -> None:
    """Nothing is submitted, and the message names both."""
    with pytest.raises(errors.StalePlan, match="no-longer-there") as caught:
        bench.attempt(expected_current_deploy_id="no-longer-there", plan_only=plan_only)
    assert bench.ids[0] in str(caught.value)
    assert (bench.sent, bench.kept) == (0, [])


def test_a_deploy_in_progress_is_not_waited_for_by_default(bench: Bench, clock: Clock) -> None:
    """The task's own retries apply."""
    bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    with pytest.raises(errors.DeployInProgress, match="in_progress_timeout") as caught:
        bench.attempt()
    assert caught.value.retryable
    assert (clock.slept, bench.sent, bench.kept) == ([], 0, [])


def test_a_deploy_in_progress_is_waited_for(bench: Bench, clock: Clock) -> None:
    """The plan is made from what the history says once it has ended."""
    slow = bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    before = bench.ids

    def end() -> None:
        if len(clock.slept) == 3:
            bench.sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)

    clock.meanwhile = end
    done = bench.submit(in_progress_timeout=600)
    assert done.target.id == before[1]
    assert clock.slept == [2.0, 3.0, 4.5]


def test_another_try_submits_while_a_deploy_is_waited_for(bench: Bench, clock: Clock) -> None:
    """The rollback is found when the deploy has ended: it is not taken for a newer deploy."""
    slow = bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    other: list[Any] = []

    def end() -> None:
        if len(clock.slept) == 2:
            bench.sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
            plan = bench.hook().plan(bench.deployment_id)
            other.append(bench.hook().submit(plan, "too slow", bench.idempotency_key))
            bench.sandbox.change_deploy(KEY, other[0].id, outcome="DEPLOYED", seconds=0)

    clock.meanwhile = end
    done = bench.submit(in_progress_timeout=600)
    assert (done.resumed, done.rollback.id, bench.sent) == (True, other[0].id, 1)


@pytest.mark.parametrize("spoil", ["guard rails", "deploy in progress"])
def test_a_try_that_is_refused_leaves_nothing(bench: Bench, spoil: str) -> None:
    """Nothing is stored for later tries before a target is chosen."""
    guards = PreSubmitGuards()
    if spoil == "guard rails":
        guards = PreSubmitGuards(GuardRails(freezes=["2020-01-01T00:00:00Z / 2099-01-01T00:00:00Z"]))
    else:
        bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    with pytest.raises(errors.RollbackRefused):
        submit_rollback(bench.request(), bench.hook(), bench.store, LOG, guards=guards)
    assert bench.store.texts == {}


def test_a_deploy_in_progress_that_does_not_end(bench: Bench, clock: Clock) -> None:
    """Waiting is bounded, to the second."""
    bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    with pytest.raises(errors.DeployInProgress):
        bench.attempt(in_progress_timeout=100)
    assert sum(clock.slept) == pytest.approx(100)
    assert max(clock.slept) <= 15
    assert bench.sent == 0


def test_a_deploy_that_begins_at_the_last_moment(bench: Bench) -> None:
    """Between plan and request: nothing is submitted."""
    draft = {"tag": "slow", "seconds": None}
    bench.sandbox.fault("land_before", "Deploys", deployment=KEY, draft=draft)
    with pytest.raises(errors.RollbackRefused):
        bench.attempt()
    assert bench.sent == 0


def test_a_deploy_that_begins_after_the_last_moment_is_refused_by_the_platform(bench: Bench) -> None:
    """The platform refuses what no check can exclude; nothing is resumed and nothing is left in doubt."""
    draft = {"tag": "slow", "seconds": None}
    bench.sandbox.settings(refuse_concurrent=True)
    bench.sandbox.fault("land_after", "Deploys", deployment=KEY, draft=draft)
    with pytest.raises(errors.PlanRefused, match="in progress"):
        bench.attempt()
    assert bench.rollbacks == []
    kept = PendingStore(bench.store, bench.idempotency_key).get()
    assert kept is not None
    assert kept.sent_at is None


def test_a_second_try_finds_the_state_of_the_first(bench: Bench, clock: Clock) -> None:
    """A successor of a try that is about to send waits for that request's trace."""
    hook = bench.hook()
    run = hook.transport.run

    def interrupted(flow: Any) -> Any:
        if flow.__name__ != "roll_back":
            return run(flow)
        clock.meanwhile = lambda: first.append(run(flow))
        second = bench.submit()
        assert (second.resumed, second.rollback.id) == (True, first[0].id)
        return first[0]

    first: list[Any] = []
    hook.transport.run = interrupted  # type: ignore[method-assign]
    done = submit_rollback(bench.request(), hook, bench.store, LOG)
    assert isinstance(done, Submitted)
    assert (bench.sent, len(clock.slept)) == (1, 1)


@pytest.mark.parametrize("seconds", [0, 30], ids=["at-once", "slowly"])
def test_two_tries_at_once(bench: Bench, seconds: int) -> None:
    """A try that Airflow gave up and its successor send at the same moment. The platform carries out one
    deploy at a time and accepts one request; both tries track that rollback."""
    bench.sandbox.settings(rollback_seconds=seconds, refuse_concurrent=True)
    barrier = threading.Barrier(2, timeout=15)
    done: list[Submitted] = []

    def race() -> None:
        hook = bench.hook()
        run = hook.transport.run

        def together(flow: Any) -> Any:
            if flow.__name__ == "roll_back":
                barrier.wait()
            return run(flow)

        hook.transport.run = together  # type: ignore[method-assign]
        # Neither has read what the other kept.
        result = submit_rollback(bench.request(), hook, DictStore(), LOG)
        assert isinstance(result, Submitted)
        done.append(result)

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert bench.sent == 2
    assert [row["id"] for row in bench.rollbacks] == [done[0].rollback.id]
    assert done[0].rollback.id == done[1].rollback.id
    assert done[0].target.id == done[1].target.id


# plan_only


def test_plan_only_neither_waits_nor_stores(bench: Bench, clock: Clock) -> None:
    """It waits neither for a deploy in progress nor for a request that may be under way."""
    bench.keep(bench.ids[2], latest="as it was", sent_at=clock.now)
    kept = dict(bench.store.texts)
    bench.sandbox.land_deploy(KEY, tag="slow", seconds=None)
    plan = bench.attempt(plan_only=True, in_progress_timeout=600)
    assert isinstance(plan, RollbackPlan)
    assert plan.target.id == bench.ids[3]  # below the one in progress: what previous means now
    assert (clock.slept, bench.sent, bench.store.texts) == ([], 0, kept)


def test_plan_only_after_the_rollback(bench: Bench) -> None:
    """The plan shows what would be done to the Deployment as it is now."""
    first = bench.submit()
    plan = bench.attempt(plan_only=True)
    assert isinstance(plan, RollbackPlan)
    assert plan.current.id == first.rollback.id
    assert bench.sent == 1


# Bad input


@pytest.mark.parametrize("description", ["", " ", "x" * 500])
def test_a_bad_description_costs_no_request(bench: Bench, description: str) -> None:
    """It is checked before any request is sent."""
    bench.deployment_id  # noqa: B018 - the control call is not what is counted
    bench.sandbox.clear_requests()
    with pytest.raises(errors.InvalidDescription):
        bench.attempt(description=description)
    assert bench.sandbox.requests() == []


def test_a_damaged_state_is_not_taken_for_none(bench: Bench) -> None:
    """A try that cannot read whether an earlier one sent a request must not go on as if none had."""
    bench.keep(bench.ids[2])
    for key in bench.store.texts:
        bench.store.texts[key] = '{"target": 1}'
    with pytest.raises(errors.BadInput, match="damaged"):
        bench.attempt()
    assert bench.sent == 0


# One Deployment by two names, and mapped tasks


def test_an_id_and_a_release_name_make_one_key(bench: Bench, connect: Any) -> None:
    """The key is made from the Deployment that was found, however the task names it."""
    first = bench.submit(mapped=True)
    row = bench.sandbox.deployment(KEY)
    connect(workspace_id=row["workspace"]["id"])
    release_name = row["releaseName"]
    again = bench.submit(mapped=True, deployment_id=release_name)
    assert (again.resumed, again.rollback.id, bench.sent) == (True, first.rollback.id, 1)


def test_the_scope_that_a_deployment_has_by_default_makes_the_same_key(bench: Bench) -> None:
    """Named or left out, it is the same rollback; another scope is another one."""
    assert bench.submit(scope="image").rollback.id == bench.submit().rollback.id
    with pytest.raises(errors.PlanRefused, match="SCOPE-DOES-NOT-FIT"):
        bench.attempt(scope="dags")


@pytest.mark.parametrize("submitted", [True, False], ids=["submitted", "pending"])
def test_two_mapped_tasks_with_different_targets(bench: Bench, clock: Clock, submitted: bool) -> None:
    """The second one submits nothing and names both targets; it does not call the first one's its own."""
    if submitted:
        target = bench.submit(mapped=True).target.id
    else:
        target = bench.ids[2]
        bench.keep(target, sent_at=clock.now)
    with pytest.raises(errors.ConflictingTargets, match=rf"{target}.*'tag:v9'"):
        bench.attempt(mapped=True, target=DeploySelector.parse("tag:v9"))
    assert bench.sent == int(submitted)


def test_a_task_that_is_not_mapped_keeps_to_its_rollback(bench: Bench) -> None:
    """Its tries may render different targets, such as a time; they share one key all the same."""
    first = bench.submit()
    again = bench.submit(target=DeploySelector("id", first.rollback.id))
    assert (again.resumed, again.rollback.id) == (True, first.rollback.id)
