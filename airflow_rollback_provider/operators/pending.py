# SPDX-License-Identifier: Apache-2.0
"""The pending submission of one idempotency key: one sender among all tries, and what it chose.

Three values are kept, so that no write can take away what another try relies on:

* ``owner``: the try that began last. A try may send only while it is the owner.
* ``sent``: written before a request is sent. A later try gives that request time to show in the history.
* ``choice``: the target that was chosen, and the newest deploy at that time.

A try writes ``owner`` and then reads ``sent``; before it sends, it writes ``sent`` and then reads ``owner``.
Of two
tries, at least one therefore finds the other, whatever the delays (``docs/decisions/0006``).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput, StateUnavailable, TrySuperseded
from airflow_rollback_provider.domain.intent import wish_in

if TYPE_CHECKING:
    from airflow_rollback_provider.state import StateStore

DESCRIPTION = "A rollback that is being submitted; deleted when it is in the deploy history."
# From the time that is written in ``sent`` to the moment of sending. Clocks of two workers may differ by the
# rest
# of CLOCK_TOLERANCE.
_SEND_WITHIN = 10.0
CLOCK_TOLERANCE = 30.0
"""Seconds by which the time in ``sent`` may be off for another worker."""


@dataclass(frozen=True)
class PendingSubmission:
    """What a try chose.

    :param deployment_id: the Deployment.
    :param target_id: the deploy to go back to.
    :param latest_id: the newest deploy of the history when it was chosen.
    :param intent: the intent with the target as the task names it.
    :param sent_at: when the request was about to be sent, in seconds since the epoch; None before that, and
        after the platform is known to have refused it.
    """

    deployment_id: str
    target_id: str
    latest_id: str
    intent: str
    sent_at: float | None = None


def _read(kept: object) -> PendingSubmission:
    try:
        return PendingSubmission(**kept)  # type: ignore[arg-type]
    except TypeError as error:
        raise BadInput(
            f"What an earlier try kept in Airflow is damaged ({error}): {str(kept)[:200]}. Nothing was "
            "submitted. "
            "Look at the deploy history, and start a new run of the Dag."
        ) from error


class PendingStore:
    """What the tries of one idempotency key share, as one try sees it.

    :param store: what outlives a try.
    :param intent: the intent.
    :param clock: returns the time in seconds since the epoch.
    """

    def __init__(self, store: StateStore, intent: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._clock = clock
        self._keys = {name: f"rollback_{name}_{wish_in(intent)}" for name in ("owner", "sent", "choice")}

    def claim(self) -> PendingSubmission | None:
        """Become the owner; return what an earlier try sent or chose.

        :raises StateUnavailable: when it cannot be written or read. Nothing may be sent then.
        """
        self._store.set(self._keys["owner"], self._owner)
        kept = self._store.get(self._keys["sent"]) or self._store.get(self._keys["choice"])
        return _read(kept) if kept is not None else None

    def choose(self, pending: PendingSubmission) -> None:
        """Keep the target, so that each later try goes to the same."""
        self._store.set(self._keys["choice"], {**asdict(pending), "sent_at": None})

    def before_sending(self, pending: PendingSubmission) -> None:
        """Keep that a request is about to be sent, and make sure that this try may send it.

        :raises TrySuperseded: when another try began after this one, or the rollback was found by one.
        :raises StateUnavailable: when it cannot be written or read, or took too long.
        """
        sent_at = self._clock()
        self._store.set(self._keys["sent"], {**asdict(pending), "sent_at": sent_at})
        if not self.is_owner():
            raise TrySuperseded(
                "A newer try of this task has begun and may submit the rollback. This try submits nothing."
            )
        if self._clock() - sent_at > _SEND_WITHIN:
            raise StateUnavailable(
                f"Airflow took more than {_SEND_WITHIN:g} s to keep that a rollback is about to be "
                "submitted. "
                "Nothing was submitted. Try again when Airflow's database answers as usual."
            )

    def is_owner(self) -> bool:
        """Tell whether no other try has begun since this one did."""
        return bool(self._store.get(self._keys["owner"]) == self._owner)

    def withdraw(self) -> None:
        """Keep no longer that a request was sent: the platform is known to have refused this try's.

        Another try that has begun meanwhile has read it or will; it is left there for that one.
        """
        if self.is_owner():
            self._store.delete(self._keys["sent"])

    def delete(self) -> None:
        """Keep nothing any more: the rollback is in the deploy history."""
        for key in self._keys.values():
            self._store.delete(key)
