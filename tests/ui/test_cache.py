# SPDX-License-Identifier: Apache-2.0
"""The memory that all readers share: one load at a time, for a short time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_rollback_provider.domain.errors import PlatformUnreachable, TokenExpired
from airflow_rollback_provider.ui.cache import SECONDS_A_FAILURE_IS_KEPT, Cache

_SECONDS = 120.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Counts how often it is asked."""

    def __init__(self, *failures: Exception) -> None:
        self.asked = 0
        self._failures = list(failures)

    def __call__(self) -> int:
        self.asked += 1
        if self._failures:
            raise self._failures.pop(0)
        return self.asked


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    """A memory that goes by that clock."""
    return Cache(size=3, clock=clock)


def test_it_is_loaded_again_when_it_is_too_old(cache: Cache, clock: Clock) -> None:
    """Each reader says how old an answer may be."""
    source = Source()
    assert [cache.get("k", source, 5), cache.get("k", source, 5)] == [1, 1]
    clock.now += 3
    assert cache.get("k", source, 5) == 1
    assert cache.get("k", source, 1) == 2
    clock.now += 5
    assert cache.get("k", source, 5) == 3


def test_keys_are_apart(cache: Cache) -> None:
    """Nobody gets another Deployment's answer."""
    assert (cache.get("a", lambda: 1, 5), cache.get("b", lambda: 2, 5)) == (1, 2)


def test_failures_are_kept_for_a_moment(cache: Cache, clock: Clock) -> None:
    """A platform that is down is not asked by every tab; then it is asked again."""
    source = Source(TokenExpired("old"))
    for _ in range(3):
        with pytest.raises(TokenExpired, match="old"):
            cache.get("k", source, 60)
    assert source.asked == 1
    clock.now += SECONDS_A_FAILURE_IS_KEPT
    assert cache.get("k", source, 60) == 2


def test_a_failure_is_no_shared_object(cache: Cache) -> None:
    """Each reader raises an error of its own: tracebacks of threads do not mix."""
    caught = []
    for _ in range(2):
        with pytest.raises(TokenExpired) as error:
            cache.get("k", Source(TokenExpired("old")), 60)
        caught.append(error.value)
    assert caught[0] is not caught[1]


def test_a_defect_is_not_kept(cache: Cache) -> None:
    """What is no answer of a platform is seen by everybody who asks."""
    source = Source(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cache.get("k", source, 60)
    assert cache.get("k", source, 60) == 2


def test_what_was_not_asked_for_longest_goes_first(cache: Cache) -> None:
    """The memory has a bound."""
    sources = {key: Source() for key in "abcd"}
    for key in "abca" + "d":
        cache.get(key, sources[key], 60)
    for key in "adcb":
        cache.get(key, sources[key], 60)
    assert {key: source.asked for key, source in sources.items()} == {"a": 1, "b": 2, "c": 1, "d": 1}


def test_forgetting(cache: Cache) -> None:
    """What is forgotten is loaded anew; forgetting nothing does no harm."""
    source = Source()
    cache.get("k", source, 60)
    cache.forget("k")
    cache.forget("other")
    assert cache.get("k", source, 60) == 2


@pytest.fixture
def slow() -> tuple[Callable[[], int], threading.Event, threading.Event, list[int]]:
    """A load that tells when it began, and ends when it is let go."""
    began, go, loads = threading.Event(), threading.Event(), []

    def load() -> int:
        loads.append(1)
        began.set()
        assert go.wait(_SECONDS)
        return 7

    return load, began, go, loads


def test_ten_readers_are_one_load(
    slow: tuple[Callable[[], int], threading.Event, threading.Event, list[int]],
) -> None:
    """Who comes while it is being loaded waits for that load."""
    load, began, go, loads = slow
    cache = Cache()
    with ThreadPoolExecutor(10) as threads:
        answers = [threads.submit(cache.get, "k", load, 3600) for _ in range(10)]
        assert began.wait(_SECONDS)
        go.set()
        assert [answer.result(_SECONDS) for answer in answers] == [7] * 10
    assert len(loads) == 1


def test_waiting_has_an_end(
    slow: tuple[Callable[[], int], threading.Event, threading.Event, list[int]],
) -> None:
    """Nobody waits for ever for a load that somebody else began."""
    load, began, go, _ = slow
    cache = Cache(patience=0.05)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(cache.get, "k", load, 60)
        assert began.wait(_SECONDS)
        with pytest.raises(PlatformUnreachable, match="has not answered"):
            cache.get("k", load, 60)
        go.set()
        assert first.result(_SECONDS) == 7


def test_a_failure_reaches_all_who_wait(
    slow: tuple[Callable[[], int], threading.Event, threading.Event, list[int]],
) -> None:
    """Those who wait for a load share its failure."""
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
