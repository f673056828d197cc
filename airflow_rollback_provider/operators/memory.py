# SPDX-License-Identifier: Apache-2.0
"""What the tries of one task instance tell each other before the deploy history can.

Once the platform has written the rollback, its mark in the history tells all. Until then a later try must
know which deploy the first one chose and whether a request may be under way. XComs do not last from one try
to the next, so an Airflow Variable keeps it; it is deleted as soon as the history has the rollback.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Protocol

from airflow_rollback_provider.compat import Variable

_PREFIX = "rollback_intent_"
_DESCRIPTION = "A rollback that is being submitted; deleted when it is in the deploy history."


@dataclass(frozen=True)
class Choice:
    """What a try chose.

    :param deployment_id: the Deployment.
    :param target_id: the deploy to go back to.
    :param head_id: the newest deploy of the history when it was chosen.
    :param sent_at: when the request was about to be sent, in seconds since the epoch; None before that, and
        after the platform is known not to have taken it.
    """

    deployment_id: str
    target_id: str
    head_id: str
    sent_at: float | None = None


class Memory(Protocol):
    """Keeps one choice for each intent."""

    def recall(self, intent: str) -> Choice | None:
        """Return the choice of an earlier try, or None."""

    def keep(self, intent: str, choice: Choice) -> None:
        """Keep a choice, in the place of an earlier one."""

    def forget(self, intent: str) -> None:
        """Keep nothing for this intent any more."""


class VariableMemory:
    """Keeps choices in Airflow Variables named ``rollback_intent_…``. They hold ids and no secret."""

    def recall(self, intent: str) -> Choice | None:
        """Return the choice of an earlier try, or None."""
        text = Variable.get(_PREFIX + intent, None)  # the default has another name on Airflow 2
        return Choice(**json.loads(text)) if text is not None else None

    def keep(self, intent: str, choice: Choice) -> None:
        """Keep a choice, in the place of an earlier one."""
        Variable.set(_PREFIX + intent, json.dumps(asdict(choice)), description=_DESCRIPTION)

    def forget(self, intent: str) -> None:
        """Keep nothing for this intent any more."""
        Variable.delete(_PREFIX + intent)
