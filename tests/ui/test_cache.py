# SPDX-License-Identifier: Apache-2.0
"""The cache that all users of the page share: one load at a time, for a short time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_rollback_provider.domain.errors import PlatformUnreachable, TokenExpired
from airflow_rollback_provider.ui.cache import SECONDS_A_FAILURE_IS_CACHED, Cache
from tests.ui.conftest import Clock

_SECONDS = 120.0
Slow = tuple[Callable[[], int], threading.Event, threading.Event, list[int]]


class Source:
    """Counts its calls."""

    def __init__(self, *failures: Exception) -> None:
        self.calls = 0
        self._failures = list(failures)

    def __call__(self) -> int:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return self.calls


@pytest.fixture
def clock() -> Clock:
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    """A cache with that clock."""
    return Cache(size=3, clock=clock)


def test_it_is_loaded_again_when_it_is_too_old(cache: Cache, clock: Clock) -> None:
    """Each caller passes the greatest age."""
    source = Source()
    assert [cache.get("k", source, 5), cache.get("k", source, 5)] == [1, 1]
    clock.now += 3
    assert cache.get("k", source, 5) == 1
    assert cache.get("k", source, 1) == 2
    clock.now += 5
    assert cache.get("k", source, 5) == 3


def test_keys_are_separate(cache: Cache) -> None:
    """No Deployment gets the data of another one."""
    assert (cache.get("a", lambda: 1, 5), cache.get("b", lambda: 2, 5)) == (1, 2)


def test_failures_are_cached_for_a_moment(cache: Cache, clock: Clock) -> None:
    """While a platform is down, ten tabs cause one request; a moment later there is another."""
    source = Source(TokenExpired("old"))
    for _ in range(3):
        with pytest.raises(TokenExpired, match="old"):
            cache.get("k", source, 60)
    assert source.calls == 1
    clock.now += SECONDS_A_FAILURE_IS_CACHED
    assert cache.get("k", source, 60) == 2


def test_each_caller_gets_its_own_error_object(cache: Cache) -> None:
    """The tracebacks of threads do not mix."""
    caught = []
    for _ in range(2):
        with pytest.raises(TokenExpired) as error:
            cache.get("k", Source(TokenExpired("old")), 60)
        caught.append(error.value)
    assert caught[0] is not caught[1]


def test_a_defect_is_not_cached(cache: Cache) -> None:
    """An error that is not a RollbackError is raised by each load."""
    source = Source(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cache.get("k", source, 60)
    assert cache.get("k", source, 60) == 2


def test_the_least_recently_used_entry_is_dropped_first(cache: Cache) -> None:
    """The cache has a size limit."""
    sources = {key: Source() for key in "abcd"}
    for key in "abca" + "d":
        cache.get(key, sources[key], 60)
    for key in "adcb":
        cache.get(key, sources[key], 60)
    assert {key: source.calls for key, source in sources.items()} == {"a": 1, "b": 2, "c": 1, "d": 1}


def test_discard(cache: Cache) -> None:
    """A discarded key is loaded again; an unknown key is ignored."""
    source = Source()
    cache.get("k", source, 60)
    cache.discard("k")
    cache.discard("other")
    assert cache.get("k", source, 60) == 2


@pytest.fixture
def slow() -> Slow:
    """A load with an event for its start and an event that ends it."""
    began, go, loads = threading.Event(), threading.Event(), []

    def load() -> int:
        loads.append(1)
        began.set()
        assert go.wait(_SECONDS)
        return 7

    return load, began, go, loads


def test_ten_requests_are_one_load(slow: Slow) -> None:
    """Requests during a load wait for that load."""
    load, began, go, loads = slow
    cache = Cache()
    with ThreadPoolExecutor(10) as threads:
        answers = [threads.submit(cache.get, "k", load, 3600) for _ in range(10)]
        assert began.wait(_SECONDS)
        go.set()
        assert [answer.result(_SECONDS) for answer in answers] == [7] * 10
    assert len(loads) == 1


def test_the_wait_has_a_timeout(slow: Slow) -> None:
    """A thread does not wait for ever for the load of another thread."""
    load, began, go, _ = slow
    cache = Cache(wait_timeout=0.05)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(cache.get, "k", load, 60)
        assert began.wait(_SECONDS)
        with pytest.raises(PlatformUnreachable, match="has not answered"):
            cache.get("k", load, 60)
        go.set()
        assert first.result(_SECONDS) == 7


def test_a_failure_is_raised_in_all_waiting_threads(slow: Slow) -> None:
    """All requests that wait for a load get its failure."""
    _, began, go, _ = slow
    cache = Cache()

    def fail() -> int:
        began.set()
        assert go.wait(_SECONDS)
        raise TokenExpired("old")

    with ThreadPoolExecutor(3) as threads:
        answers = [threads.submit(cache.get, "k", fail, 60) for _ in range(3)]
        assert began.wait(_SECONDS)
        go.set()
        assert all(isinstance(answer.exception(_SECONDS), TokenExpired) for answer in answers)
