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
_TAG = re.compile(rf"\[idempotency-key:([0-9a-f]{{{_DIGITS}}})\]")
_TAG_WIDTH = len("[idempotency-key:]") + _DIGITS
TAG_LENGTH = len(" ") + _TAG_WIDTH
"""Characters of the description that the mark takes."""


def make_idempotency_key(*identity: str | int | None, target: str = "") -> str:
    """Derive the intent from what all tries of one rollback share.

    :param identity: for a task instance its Dag, run and task, the Deployment's id and the scope; every try
        has the same.
    :param target: the target as the task names it. :func:`without_target` leaves it out again.
    """
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[: _DIGITS - _TARGET_DIGITS]
    return digest + hashlib.sha256(target.encode()).hexdigest()[:_TARGET_DIGITS]


def without_target(idempotency_key: str) -> str:
    """Return the part of an intent that does not depend on the target."""
    return idempotency_key[: _DIGITS - _TARGET_DIGITS]


def same_target(idempotency_key: str, other: str) -> bool:
    """Tell whether two intents were made with the same target."""
    return idempotency_key[-_TARGET_DIGITS:] == other[-_TARGET_DIGITS:]


def describe(description: str, idempotency_key: str, limit: int) -> str:
    """Check a description and put the mark behind it.

    :param description: the reason that a person or a Dag gives.
    :param idempotency_key: the intent as :func:`make_idempotency_key` made it.
    :param limit: longest description that the platform keeps, in characters, the mark included.
    :raises InvalidDescription: when it is empty or too long with the mark.
    """
    text = description.strip() if isinstance(description, str) else ""
    if not text:
        raise InvalidDescription("A rollback needs a description: say in a sentence why it is made.")
    room = limit - TAG_LENGTH
    if len(text) > room:
        raise InvalidDescription(
            f"The description has {len(text):,} characters; the platform keeps {limit}, and {TAG_LENGTH} of "
            f"them are used to recognise the rollback. Shorten it to {max(room, 0)}."
        )
    return f"{text} [idempotency-key:{idempotency_key}]"


def key_in(description: str) -> str | None:
    """Return the intent that a description carries, or None."""
    match = _tag(description.rstrip())
    return match[1] if match else None


def without_tag(description: str) -> str:
    """Return the description as the person wrote it."""
    text = description.rstrip()
    return text[:-_TAG_WIDTH].rstrip() if _tag(text) else description


def _tag(text: str) -> re.Match[str] | None:
    return _TAG.fullmatch(text, max(len(text) - _TAG_WIDTH, 0))


def find_by_key(deploys: Iterable[Deploy], idempotency_key: str) -> Deploy | None:
    """Return the latest deploy that carries the intent, whatever its target, or None."""
    wanted = without_target(idempotency_key)
    marks = ((deploy, key_in(deploy.description)) for deploy in deploys)
    return next((deploy for deploy, mark in marks if mark and without_target(mark) == wanted), None)
