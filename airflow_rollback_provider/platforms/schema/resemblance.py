# SPDX-License-Identifier: Apache-2.0
"""Which name may be meant by another one. What comes of it is shown to a person and never acted on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import TypeVar

W = TypeVar("W")
O = TypeVar("O")  # noqa: E741 - what is offered, beside W for what is wanted

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Words that APIs use for the same thing.
_SAME = {
    "uuid": "id",
    "username": "name",
    "state": "status",
    "reason": "description",
    "message": "description",
    "note": "description",
    "comment": "description",
    "first": "take",
    "limit": "take",
    "size": "take",
    "after": "cursor",
    "author": "created by",
    "creator": "created by",
    "revert": "rollback",
    "undo": "rollback",
}
# Last words that say little by themselves.
_GENERIC = ("id", "name", "type", "version")
_WEIGHT_OF_LETTERS = 0.6
_CONTAINED = 0.6


def words(name: str) -> tuple[str, ...]:
    """Split a name such as ``createdBy.userName`` or ``IMAGE_ONLY`` into words that can be compared."""
    found = [word.lower() for word in _WORD.findall(name)]
    single = [word[:-1] if re.search(r"[^sui]s$", word) else word for word in found]
    return tuple(part for word in single for part in _SAME.get(word, word).split())


def resemblance(one: str, other: str) -> float:
    """Tell how much two names resemble each other, from 0 to 1.

    The last word counts most: it says what a thing is, those before it which one.
    """
    ours, theirs = words(one), words(other)
    if not ours or not theirs:
        return 0.0
    letters = SequenceMatcher(None, "".join(ours), "".join(theirs), autojunk=False).ratio()
    points = _WEIGHT_OF_LETTERS * letters + (1 - _WEIGHT_OF_LETTERS) * _end_alike(ours, theirs)
    contained = set(ours) <= set(theirs) or set(theirs) <= set(ours)
    says_something = not {*ours} & {*theirs} <= {*_GENERIC}
    return max(points, _CONTAINED) if contained and says_something else points


def _end_alike(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    if ours[-1] != theirs[-1]:
        return False
    return ours[-1] not in _GENERIC or ours == theirs or bool({*ours[:-1]} & {*theirs[:-1]})


def ranked(wanted: str, offered: Iterable[str], least: float) -> list[str]:
    """Return the names that resemble the wanted one, the likeliest first."""
    scored = [(resemblance(wanted, name), name) for name in offered]
    return [name for score, name in sorted(scored, key=lambda item: (-item[0], item[1])) if score >= least]


def pair(
    wanted: Iterable[W], offered: Iterable[O], score: Callable[[W, O], float], least: float
) -> dict[W, O]:
    """Give each wanted thing one of those that are offered, none of them twice, the surest pairs first.

    :param score: how well two go together.
    :param least: pairs that score less are none.
    """
    choices = list(offered)
    pairs = [(score(want, offer), want, offer) for want in wanted for offer in choices]
    found: dict[W, O] = {}
    taken: list[O] = []
    for points, want, offer in sorted(pairs, key=lambda item: -item[0]):
        if points >= least and want not in found and offer not in taken:
            found[want] = offer
            taken.append(offer)
    return found
