# SPDX-License-Identifier: Apache-2.0
"""A short-lived cache that all users of the page share. Concurrent requests for one key share one load.

Ten open tabs cause one load. Failures are cached for a moment too, so that ten tabs do not overload a
platform that is down.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow_rollback_provider.domain.errors import PlatformUnreachable, RollbackError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

SECONDS_A_FAILURE_IS_CACHED = 2.0


@dataclass
class _Entry:
    """The result of one load, or a load in progress."""

    done: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: RollbackError | None = None
    at: float = 0.0

    def fresh(self, max_age: float, now: float) -> bool:
        if not self.done.is_set():
            return True
        return now - self.at < (max_age if self.error is None else min(max_age, SECONDS_A_FAILURE_IS_CACHED))


class Cache:
    """Caches loaded values. Thread-safe.

    :param size: the number of entries; the least recently used one is dropped first.
    :param wait_timeout: how long a thread waits for the load of another thread, in seconds.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, size: int = 256, wait_timeout: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._wait_timeout = wait_timeout
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], T], max_age: float) -> T:
        """Return the cached value of a key. Load it if it is older than ``max_age`` seconds.

        :raises RollbackError: the error of the load, now or a moment ago.
        """
        entry, must_load = self._claim(key, max_age)
        if must_load:
            self._load(key, entry, load)
        elif not entry.done.wait(self._wait_timeout):
            raise PlatformUnreachable(
                f"The platform has not answered a request for {self._wait_timeout:g} s. It is slow, or a "
                "proxy delays the response. Try again later."
            )
        if entry.error is not None:
            raise type(entry.error)(*entry.error.args)  # each thread raises its own error object
        return cast("T", entry.value)

    def discard(self, key: Hashable) -> None:
        """Remove a key, so that the next request loads it again."""
        with self._lock:
            self._entries.pop(key, None)

    def _claim(self, key: Hashable, max_age: float) -> tuple[_Entry, bool]:
        """Return the entry to use, and whether the caller has to load it."""
        with self._lock:
            entry = self._entries.get(key)
            must_load = entry is None or not entry.fresh(max_age, self._clock())
            if entry is None or must_load:
                entry = self._entries[key] = _Entry()
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry, must_load

    def _load(self, key: Hashable, entry: _Entry, load: Callable[[], Any]) -> None:
        try:
            entry.value = load()
        except RollbackError as error:
            entry.error = error
        except BaseException:
            self.discard(key)  # a defect: the next request must raise it too
            entry.error = PlatformUnreachable("The request to the platform failed. See Airflow's log.")
            raise
        finally:
            entry.at = self._clock()
            entry.done.set()
