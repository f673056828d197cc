# SPDX-License-Identifier: Apache-2.0
"""The idempotency key of a rollback, the tag that carries it, and the note before it: who asked, from where.

No platform takes an idempotency key. So the key goes where every platform keeps text: into a tag at the end
of the description. It is searched for before a rollback is submitted and after an answer was lost, so that
one key ends in one rollback.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.arguments import optional
from airflow_rollback_provider.domain.errors import InvalidDescription
from airflow_rollback_provider.domain.redaction import redact

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


# The ids that Airflow allows by default. A note with others is text, and leads nowhere.
_ORIGIN = re.compile(
    r" ?\((?:asked by (?P<asked_by>[^,()\[\]]+), )?Dag (?P<dag_id>[\w.-]+), run (?P<run_id>[\w.~:+-]+)\)$"
)
_LONGEST_NAME = 60
_SHORTEST_NOTE, _LONGEST_NOTE = 20, 200


@dataclass(frozen=True)
class Origin:
    """Who asked for a rollback, and the run that made it.

    :param asked_by: the name of the user; None if no user started the run. Of an e-mail address, the part
        before the @ is kept.
    """

    dag_id: str
    run_id: str
    asked_by: str | None = None

    @classmethod
    def of(cls, dag_id: str, run_id: str, asked_by: object) -> Origin:
        """Return the origin with a name that is safe in the history of another system."""
        words = redact(asked_by).split("@")[0] if isinstance(asked_by, str) else ""
        name = " ".join(re.sub(r"[^\w .'-]", " ", words).split())[:_LONGEST_NAME].strip()
        return cls(dag_id, run_id, name or None)

    def __str__(self) -> str:
        asked = f"asked by {self.asked_by}, " if self.asked_by else ""
        return f"({asked}Dag {self.dag_id}, run {self.run_id})"


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


def describe(description: object, idempotency_key: str, limit: int, origin: Origin | None = None) -> str:
    """Check a description and put the tag behind it; see :func:`check_description`.

    :param idempotency_key: the key as :func:`make_idempotency_key` made it.
    :param origin: written before the tag, as far as there is room; None writes nothing.
    """
    text = check_description(description, limit)
    room = min(limit - TAG_LENGTH - len(text) - 1, _LONGEST_NOTE)
    note = _shortened(str(origin), room) if origin is not None else ""
    return f"{text} {note}".rstrip() + f" [idempotency-key:{idempotency_key}]"


def _shortened(note: str, room: int) -> str:
    if len(note) <= room:
        return note
    return f"{note[: room - 4]}...)" if room >= _SHORTEST_NOTE else ""


def key_in(description: str) -> str | None:
    """Return the key that a description carries, or None."""
    match = _tag(description.rstrip())
    return match[1] if match else None


def without_tag(description: str) -> str:
    """Return the description as the user wrote it: without the tag and the origin before it."""
    if not _tag(description.rstrip()):
        return description
    return _ORIGIN.sub("", without_key(description))


def without_key(description: str) -> str:
    """Return the description without the tag."""
    text = description.rstrip()
    return text[:-_TAG_WIDTH].rstrip() if _tag(text) else description


def origin_in(description: str) -> Origin | None:
    """Return the origin that a description names before its tag, or None."""
    match = _ORIGIN.search(without_key(description)) if key_in(description) else None
    return Origin(match["dag_id"], match["run_id"], match["asked_by"]) if match else None


def _tag(text: str) -> re.Match[str] | None:
    return _TAG.fullmatch(text, max(len(text) - _TAG_WIDTH, 0))


def find_by_key(deploys: Iterable[Deploy], idempotency_key: str) -> Deploy | None:
    """Return the latest deploy that carries the key, whatever its target, or None."""
    wanted = without_target(idempotency_key)
    found = ((deploy, key_in(deploy.description)) for deploy in deploys)
    return next((deploy for deploy, key in found if key and without_target(key) == wanted), None)
