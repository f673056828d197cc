# SPDX-License-Identifier: Apache-2.0
"""A short memory that all readers share: who asks for what is being fetched waits for that answer.

Ten open tabs are one load. Failures are kept too, for a moment, so that ten tabs do not hammer a platform
that is down.
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

SECONDS_A_FAILURE_IS_KEPT = 2.0


@dataclass
class _Entry:
    """What one load brought, or what is still being loaded."""

    done: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: RollbackError | None = None
    at: float = 0.0

    def fresh(self, max_age: float, now: float) -> bool:
        if not self.done.is_set():
            return True
        return now - self.at < (max_age if self.error is None else min(max_age, SECONDS_A_FAILURE_IS_KEPT))


class Cache:
    """Keeps what was loaded. For many threads at a time.

    :param size: how many answers are kept; the one that was not asked for longest goes first.
    :param patience: how long somebody waits for a load that somebody else began, in seconds.
    :param clock: seconds that only grow.
    """

    def __init__(
        self, size: int = 256, patience: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._patience = patience
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], T], max_age: float) -> T:
        """Return what is known under a key, loading it if that is older than ``max_age`` seconds.

        :raises RollbackError: what the load raised, now or a moment ago.
        """
        entry, mine = self._claim(key, max_age)
        if mine:
            self._load(key, entry, load)
        elif not entry.done.wait(self._patience):
            raise PlatformUnreachable(
                f"The platform was asked and has not answered for {self._patience:g} s. It is slow, or a "
                "proxy holds the answer back. Try again later."
            )
        if entry.error is not None:
            raise type(entry.error)(*entry.error.args)  # each thread raises an error of its own
        return cast("T", entry.value)

    def forget(self, key: Hashable) -> None:
        """Load anew when this is asked for the next time."""
        with self._lock:
            self._entries.pop(key, None)

    def _claim(self, key: Hashable, max_age: float) -> tuple[_Entry, bool]:
        """Return the entry to use, and whether the caller has to load it."""
        with self._lock:
            entry = self._entries.get(key)
            mine = entry is None or not entry.fresh(max_age, self._clock())
            if entry is None or mine:
                entry = self._entries[key] = _Entry()
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry, mine

    def _load(self, key: Hashable, entry: _Entry, load: Callable[[], Any]) -> None:
        try:
            entry.value = load()
        except RollbackError as error:
            entry.error = error
        except BaseException:
            self.forget(key)  # a defect: the next one shall see it too, not wait for it
            entry.error = PlatformUnreachable("The platform could not be asked. Airflow's log says why.")
            raise
        finally:
            entry.at = self._clock()
            entry.done.set()
