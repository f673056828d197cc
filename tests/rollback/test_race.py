# SPDX-License-Identifier: Apache-2.0
"""Tries of one task at the same time: one rollback, at every offset and latency below the grace period."""

from __future__ import annotations

import logging
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import RollbackError, StalePlan, TrySuperseded
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.rollback import submit as attempt
from airflow_rollback_provider.rollback.pending import PendingStore, PendingSubmission
from airflow_rollback_provider.rollback.submit import RollbackRequest, Submitted, submit_rollback
from tests.support.race import MemoryPlatform, RaceHook, VirtualTime
from tests.support.store import DictStore

GRACE_PERIOD = 120.0
LOG = logging.getLogger("tests.race")
REQUEST = RollbackRequest(
    "dep",
    "too slow",
    DeploySelector("previous"),
    None,
    ("dag", "run", "task"),
    submission_grace_period=GRACE_PERIOD,
)


class Killed(BaseException):
    """The process of a try ends here."""


class Race:
    """One Deployment, the state that its tries share, and the faults injected; all drawn from a seed.

    :param seed: of the random numbers.
    :param store_latency: longest time of one access to the store, in seconds.
    :param platform_latency: longest way of a request to the platform or of its answer, in seconds.
    :param commit: longest time from a request to its row, in seconds.
    """

    def __init__(
        self, seed: int, store_latency: float = 0.2, platform_latency: float = 0.2, commit: float = 0.0
    ) -> None:
        self.rng = random.Random(seed)
        self.time = VirtualTime()
        self.platform = MemoryPlatform(
            self.time, lambda: self.rng.uniform(0, commit), lambda: self.rng.random() < 0.3
        )
        self.store = DictStore(delay=lambda: self.time.sleep(self.rng.uniform(0, store_latency / 2)))
        self.latency = lambda: self.rng.uniform(0, platform_latency)
        self.deaths = 0.0
        self.killed = False

    def attempt(self) -> Any:
        """Make one try, which may die at any of its steps."""
        hook = RaceHook(self.platform, self.latency)
        run = hook.run

        def mortal(flow: Any) -> Any:
            if self.rng.random() < self.deaths:
                if self.rng.random() < 0.5:
                    run(flow)
                raise Killed
            return run(flow)

        hook.run = mortal  # type: ignore[method-assign]
        return submit_rollback(REQUEST, hook, self.store, LOG, killed=lambda: self.killed)

    def run(self, *offsets: float) -> list[Any]:
        """Make tries that begin at these times by the race's clock, and return how each ended."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attempt, "time", self.time)
            return self.time.run([(offset, self.attempt) for offset in offsets])

    def in_doubt(self, sent_ago: float) -> None:
        """Let an earlier try have been killed in its request, which never arrived."""
        pending = PendingStore(self.store, KEY, lambda: self.time.now - sent_ago)
        chosen = PendingSubmission("dep", "d1", "d2", KEY)
        self.store.delay, delay = (lambda: None), self.store.delay
        pending.claim()
        pending.before_sending(chosen)
        self.store.delay = delay


KEY = REQUEST.idempotency_key(
    type("Reading", (), {"deployment": MemoryPlatform(VirtualTime()).deployment_now})()
)


@pytest.fixture(autouse=True)
def _same_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random numbers of the tries are the same in each run."""
    monkeypatch.setattr(random, "random", random.Random(0).random)


def check(race: Race, results: list[Any]) -> None:
    """Require at most one rollback, at most one try that submitted it, and that the others may be retried."""
    assert len(race.platform.rollbacks) <= 1, results
    submitted = [result for result in results if isinstance(result, Submitted)]
    assert sum(not result.resumed for result in submitted) <= 1
    assert {result.rollback.id for result in submitted} <= {row.id for row in race.platform.rollbacks}
    for result in results:
        if isinstance(result, RollbackError):
            assert result.retryable, result
        else:
            assert isinstance(result, (Submitted, Killed)), result


def finish(race: Race) -> None:
    """Make tries one after the other until one ends well: there is one rollback then, to the first choice."""
    race.deaths = 0.0
    for _ in range(3):
        (result,) = race.run(0.0)
        check(race, [result])
        if isinstance(result, Submitted):
            break
    assert [row.rolled_back_to for row in race.platform.rollbacks] == ["d1"]
    assert race.store.texts == {}


SECONDS = st.floats(0, 3)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), offset=st.floats(0, 1), latency=SECONDS, store=SECONDS)
def test_two_tries_at_once(seed: int, offset: float, latency: float, store: float) -> None:
    """Two tries, one begun up to a second after the other: one submits, the other tracks its rollback."""
    race = Race(seed, store, latency)
    results = race.run(0.0, offset)
    check(race, results)
    assert all(isinstance(result, Submitted) for result in results)
    finish(race)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    offsets=st.lists(st.floats(0, 500), min_size=1, max_size=2),
    commit=st.floats(0, GRACE_PERIOD - 10),
    deaths=st.sampled_from([0.0, 0.1, 0.3]),
)
def test_a_store_that_is_slower_than_the_grace_period(
    seed: int, offsets: list[float], commit: float, deaths: float
) -> None:
    """Writes of tries that Airflow has given up land minutes later, and take nothing from a newer try."""
    race = Race(seed, 500.0, 0.5, commit)
    race.deaths = deaths
    check(race, race.run(0.0, *offsets))


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    offsets=st.lists(st.floats(0, 150), min_size=1, max_size=2),
    commit=st.floats(0, GRACE_PERIOD - 10),
    deaths=st.sampled_from([0.0, 0.1, 0.3]),
)
def test_tries_that_die_and_requests_that_take_long(
    seed: int, offsets: list[float], commit: float, deaths: float
) -> None:
    """Up to three tries, killed at any step, with rows that show almost a whole grace period later."""
    race = Race(seed, 0.5, 0.5, commit)
    race.deaths = deaths
    check(race, race.run(0.0, *offsets))
    finish(race)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    offset=st.floats(0, 10),
    sent_ago=st.floats(0, 200),
    latency=SECONDS,
    store=SECONDS,
)
def test_two_tries_with_a_request_in_doubt(
    seed: int, offset: float, sent_ago: float, latency: float, store: float
) -> None:
    """Both wait for an earlier request that never arrived, and wake at the same moment: one submits."""
    race = Race(seed, store, latency)
    race.in_doubt(sent_ago)
    results = race.run(0.0, offset)
    check(race, results)
    assert all(isinstance(result, Submitted) for result in results)
    finish(race)


@pytest.mark.parametrize("verb", ["get", "set"])
@pytest.mark.parametrize("access", range(8))
def test_a_store_that_fails_at_any_access(verb: str, access: int) -> None:
    """Two tries, with a store that is away from one access on: one rollback at most, and one in the end."""
    race = Race(access)
    count, delay = 0, race.store.delay

    def failing() -> None:
        nonlocal count
        count += 1
        if count >= 2 * access:
            race.store.down.add(verb)
        delay()

    race.store.delay = failing
    check(race, race.run(0.0, 0.05))
    race.store.delay = delay
    race.store.down.clear()
    finish(race)


def test_a_deploy_that_lands_while_a_request_is_in_doubt() -> None:
    """It may be the repair: neither try rolls it back."""
    race = Race(1)
    race.in_doubt(0.0)
    race.platform.land("repair")
    results = race.run(0.0, 0.01)
    assert race.platform.rollbacks == []
    assert all(isinstance(result, (StalePlan, TrySuperseded)) for result in results)


def test_a_try_that_was_killed_sends_nothing() -> None:
    """Airflow's signal comes, and the process runs on for some seconds."""
    race = Race(1)
    race.killed = True
    (result,) = race.run(0.0)
    assert isinstance(result, TrySuperseded)
    assert race.platform.rollbacks == []


def only_own(pending: Any) -> None:
    """Become the owner, and do not read what another try left."""
    pending._store.set(pending._keys["owner"], pending._owner)


@pytest.mark.parametrize("rule", ["_is_owner", "claim"])
def test_the_race_is_lost_without_the_rules(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each half of the protocol is needed: without it, these races give a second rollback."""
    broken = {"_is_owner": lambda _self: True, "claim": only_own}
    monkeypatch.setattr(PendingStore, rule, broken[rule])
    doubles = 0
    for seed in range(30):
        race = Race(seed, commit=60.0)
        race.run(0.0, seed / 10)
        doubles += len(race.platform.rollbacks) > 1
    assert doubles
