# SPDX-License-Identifier: Apache-2.0
"""The mark that tells one wish to roll back from another.

No platform takes an idempotency key. The mark goes where every platform keeps text: at the end of the
description. It is looked up before a rollback is submitted and after an answer was lost, so that one wish
ends in one rollback.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import InvalidDescription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_rollback_provider.domain.deploys import Deploy

_DIGITS = 20
# The last digits tell requests with one key and different targets apart.
_TARGET_DIGITS = 6
# Only the very end counts, so a mark inside the words of a person is no mark.
_MARK = re.compile(rf"\[rollback-intent:([0-9a-f]{{{_DIGITS}}})\]")
_MARK_WIDTH = len("[rollback-intent:]") + _DIGITS
MARK_LENGTH = len(" ") + _MARK_WIDTH
"""Characters of the description that the mark takes."""


def intent_of(*identity: str | int | None, target: str = "") -> str:
    """Derive the intent from what all tries of one rollback share.

    :param identity: for a task instance its Dag, run and task, the Deployment's id and the scope; every try
        has the same.
    :param target: the target as the task names it. :func:`without_target` leaves it out again.
    """
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[: _DIGITS - _TARGET_DIGITS]
    return digest + hashlib.sha256(target.encode()).hexdigest()[:_TARGET_DIGITS]


def without_target(intent: str) -> str:
    """Return the part of an intent that does not depend on the target."""
    return intent[: _DIGITS - _TARGET_DIGITS]


def same_target(intent: str, other: str) -> bool:
    """Tell whether two intents were made with the same target."""
    return intent[-_TARGET_DIGITS:] == other[-_TARGET_DIGITS:]


def describe(description: str, intent: str, limit: int) -> str:
    """Check a description and put the mark behind it.

    :param description: the reason that a person or a Dag gives.
    :param intent: the intent as :func:`intent_of` made it.
    :param limit: longest description that the platform keeps, in characters, the mark included.
    :raises InvalidDescription: when it is empty or too long with the mark.
    """
    text = description.strip() if isinstance(description, str) else ""
    if not text:
        raise InvalidDescription("A rollback needs a description: say in a sentence why it is made.")
    room = limit - MARK_LENGTH
    if len(text) > room:
        raise InvalidDescription(
            f"The description has {len(text):,} characters; the platform keeps {limit}, and {MARK_LENGTH} of "
            f"them are used to recognise the rollback. Shorten it to {max(room, 0)}."
        )
    return f"{text} [rollback-intent:{intent}]"


def intent_in(description: str) -> str | None:
    """Return the intent that a description carries, or None."""
    match = _mark(description.rstrip())
    return match[1] if match else None


def without_mark(description: str) -> str:
    """Return the description as the person wrote it."""
    text = description.rstrip()
    return text[:-_MARK_WIDTH].rstrip() if _mark(text) else description


def _mark(text: str) -> re.Match[str] | None:
    return _MARK.fullmatch(text, max(len(text) - _MARK_WIDTH, 0))


def find_intent(deploys: Iterable[Deploy], intent: str) -> Deploy | None:
    """Return the newest deploy that carries the intent, whatever its target, or None."""
    wanted = without_target(intent)
    marks = ((deploy, intent_in(deploy.description)) for deploy in deploys)
    return next((deploy for deploy, mark in marks if mark and without_target(mark) == wanted), None)
