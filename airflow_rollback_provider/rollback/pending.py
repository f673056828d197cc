# SPDX-License-Identifier: Apache-2.0
"""The pending submission of one idempotency key: one sender among all tries, and its choice.

The store keeps four values, so that no late write takes away what another try relies on:

* ``owner``: the try that began last. A try may send only while it is the owner.
* ``sent``: written before a request is sent. A later try gives that request time to show in the history.
* ``refused``: the try whose request is known not to have been carried out.
* ``choice``: the target that was chosen, and the latest deploy at that time.

A try writes ``owner`` and then reads ``sent``; before it sends, it writes ``sent`` and then reads ``owner``.
Of two tries, at least one therefore finds the other, whatever the delays (``docs/decisions/0006``).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import BadInput, TrySuperseded
from airflow_rollback_provider.domain.idempotency import without_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_rollback_provider.state import StateStore

DESCRIPTION = "A rollback that is being submitted; deleted when it is in the deploy history."


@dataclass(frozen=True)
class PendingSubmission:
    """The choice of a try.

    :param target_id: the deploy to go back to.
    :param latest_id: the latest deploy of the history when it was chosen.
    :param idempotency_key: the key, made with the target as the task names it.
    :param sent_at: when the request was about to be sent, in seconds since the epoch, for users; None when no
        request can be under way.
    """

    deployment_id: str
    target_id: str
    latest_id: str
    idempotency_key: str
    sent_at: float | None = None


def _read(kept: object) -> PendingSubmission:
    try:
        return PendingSubmission(**kept)  # type: ignore[arg-type]
    except TypeError as error:
        raise BadInput(
            f"The state that an earlier try kept in Airflow is damaged ({error}): {str(kept)[:200]}. This "
            "try submitted nothing. Look at the deploy history, and start a new run of the Dag."
        ) from error


class PendingStore:
    """The state that the tries of one idempotency key share, from the side of one try.

    :param store: keeps what outlives a try.
    :param clock: returns the time in seconds since the epoch.
    """

    def __init__(
        self, store: StateStore, idempotency_key: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._clock = clock
        names = ("owner", "sent", "refused", "choice")
        self._keys = {name: f"rollback_{name}_{without_target(idempotency_key)}" for name in names}

    def get(self) -> PendingSubmission | None:
        """Return the choice of an earlier try, with the time when its request was sent.

        :raises StateUnavailable: when it cannot be read. Nothing may be sent then.
        :raises BadInput: when it is damaged.
        """
        kept = self._store.get(self._keys["sent"])
        if kept is not None:
            sender = kept.pop("owner", None) if isinstance(kept, dict) else None
            if sender is not None and sender == self._store.get(self._keys["refused"]):
                kept["sent_at"] = None
        else:
            kept = self._store.get(self._keys["choice"])
        return _read(kept) if kept is not None else None

    def claim(self) -> PendingSubmission | None:
        """Become the owner, then read like :meth:`get`. The order matters.

        :raises StateUnavailable: when it cannot be written or read. Nothing may be sent then.
        :raises BadInput: when it is damaged.
        """
        self._store.set(self._keys["owner"], self._owner)
        return self.get()

    def choose(self, pending: PendingSubmission) -> None:
        """Store the target, so that each later try goes back to the same deploy."""
        self._store.set(self._keys["choice"], {**asdict(pending), "sent_at": None})

    def before_sending(self, pending: PendingSubmission) -> None:
        """Store that a request is about to be sent, then make sure that this try may send it.

        :raises TrySuperseded: when another try began after this one, or another try found the rollback.
        :raises StateUnavailable: when it cannot be written or read.
        """
        sent = {**asdict(pending), "sent_at": self._clock(), "owner": self._owner}
        self._store.set(self._keys["sent"], sent)
        if not self._is_owner():
            raise TrySuperseded(
                "A newer try of this task, or another mapped task for the same Deployment, may submit the "
                "rollback. This try submits nothing."
            )

    def refuse(self) -> None:
        """Store that the platform is known not to have carried out the request of this try."""
        self._store.set(self._keys["refused"], self._owner)

    def release(self) -> None:
        """Stop being the owner: this try sends nothing."""
        if self._is_owner():
            self._store.delete(self._keys["owner"])

    def delete(self) -> None:
        """Delete all values: the rollback is in the deploy history."""
        for key in self._keys.values():
            self._store.delete(key)

    def _is_owner(self) -> bool:
        return bool(self._store.get(self._keys["owner"]) == self._owner)
