# SPDX-License-Identifier: Apache-2.0
"""The idempotency key of a rollback, and the tag that carries it.

No platform takes an idempotency key. So the key goes where every platform keeps text: into a tag at the end
of the description. It is searched for before a rollback is submitted and after an answer was lost, so that
one key ends in one rollback.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.arguments import optional
from airflow_rollback_provider.domain.errors import InvalidDescription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_rollback_provider.domain.deploys import Deploy

_DIGITS = 20
# The last digits differ for requests with one key and different targets.
_TARGET_DIGITS = 6
# Only the very end counts, so a tag within the user's own text is no tag.
_TAG = re.compile(rf"\[idempotency-key:([0-9a-f]{{{_DIGITS}}})\]")
_TAG_WIDTH = len("[idempotency-key:]") + _DIGITS
TAG_LENGTH = len(" ") + _TAG_WIDTH
"""Characters of the description that the tag takes."""


def make_idempotency_key(*identity: str | int | None, target: str = "") -> str:
    """Derive the key from what all tries of one rollback share.

    :param identity: for a task instance its Dag, run and task, the Deployment's id and the scope; every try
        has the same.
    :param target: the target as the task names it. :func:`without_target` leaves it out again.
    """
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[: _DIGITS - _TARGET_DIGITS]
    return digest + hashlib.sha256(target.encode()).hexdigest()[:_TARGET_DIGITS]


def without_target(idempotency_key: str) -> str:
    """Return the part of a key that does not depend on the target."""
    return idempotency_key[: _DIGITS - _TARGET_DIGITS]


def same_target(idempotency_key: str, other: str) -> bool:
    """Return whether two keys were made with the same target."""
    return idempotency_key[-_TARGET_DIGITS:] == other[-_TARGET_DIGITS:]


def check_description(description: object, limit: int) -> str:
    """Return a description without white space around it.

    :param description: the reason that a user or a Dag gives; a native template makes a number of digits.
    :param limit: longest description that the platform keeps, in characters, the tag included.
    :raises InvalidDescription: when it is empty or too long with the tag.
    """
    text = optional(description, "description") or ""
    if not text:
        raise InvalidDescription("A rollback needs a description: say in a sentence why it is made.")
    room = limit - TAG_LENGTH
    if len(text) > room:
        raise InvalidDescription(
            f"The description has {len(text):,} characters; the platform keeps {limit}, and {TAG_LENGTH} of "
            f"them are used to recognise the rollback. Shorten it to {max(room, 0)}."
        )
    return text


def describe(description: object, idempotency_key: str, limit: int) -> str:
    """Check a description and put the tag behind it; see :func:`check_description`.

    :param idempotency_key: the key as :func:`make_idempotency_key` made it.
    """
    return f"{check_description(description, limit)} [idempotency-key:{idempotency_key}]"


def key_in(description: str) -> str | None:
    """Return the key that a description carries, or None."""
    match = _tag(description.rstrip())
    return match[1] if match else None


def without_tag(description: str) -> str:
    """Return the description as the user wrote it."""
    text = description.rstrip()
    return text[:-_TAG_WIDTH].rstrip() if _tag(text) else description


def _tag(text: str) -> re.Match[str] | None:
    return _TAG.fullmatch(text, max(len(text) - _TAG_WIDTH, 0))


def find_by_key(deploys: Iterable[Deploy], idempotency_key: str) -> Deploy | None:
    """Return the latest deploy that carries the key, whatever its target, or None."""
    wanted = without_target(idempotency_key)
    found = ((deploy, key_in(deploy.description)) for deploy in deploys)
    return next((deploy for deploy, key in found if key and without_target(key) == wanted), None)
