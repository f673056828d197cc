# SPDX-License-Identifier: Apache-2.0
"""The fields of a row under the names that a schema has for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_rollback_provider.platforms.schema.resemblance import pair, ranked, resemblance

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.schema.introspection import Kind, Output, Schema

_LEAST = 0.55
_CANDIDATES = 3
# A field inside another one is a little less likely to be meant.
_NESTED = 0.95


@dataclass(frozen=True)
class FieldNames:
    """What the fields that a type lacks may be called there.

    :param likeliest: our name of each missing field → its path there; None where nothing resembles it.
    :param others: further paths that resemble it.
    :param unused: paths that nothing stands for, to choose from.
    """

    likeliest: Mapping[str, str | None]
    others: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]


def missing(kind: Kind, schema: Schema, fields: Mapping[str, str | None]) -> list[str]:
    """Return our names of the fields whose path a type does not have, or that ends at no leaf."""
    there = set(paths(kind, schema, ()))
    return [ours for ours, path in fields.items() if path and path not in there]


def name_missing(
    kind: Kind, schema: Schema, fields: Mapping[str, str | None], elsewhere: Collection[str]
) -> FieldNames:
    """Look for names of the fields that a type lacks.

    :param fields: our name of each field → its path as it is asked for.
    :param elsewhere: names of types whose fields say something of other things than of the row.
    """
    lacking = missing(kind, schema, fields)
    used = {path for ours, path in fields.items() if ours not in lacking}
    free = [path for path in paths(kind, schema, elsewhere) if path not in used]

    def score(ours: str, path: str) -> float:
        return _NESTED ** path.count(".") * max(
            resemblance(fields[ours] or "", path), resemblance(ours, path)
        )

    pairs = pair(lacking, free, score, _LEAST)
    alike = {ours: ranked(fields[ours] or "", free, _LEAST) for ours in lacking}
    others = {
        ours: tuple(path for path in found if path != pairs.get(ours))[:_CANDIDATES]
        for ours, found in alike.items()
    }
    unused = tuple(path for path in free if path not in pairs.values())
    return FieldNames({ours: pairs.get(ours) for ours in lacking}, others, unused)


def paths(kind: Kind, schema: Schema, elsewhere: Collection[str]) -> Iterator[str]:
    """Yield the paths to the texts, numbers and words of a type, one object deep."""
    for found in kind.fields.values():
        inside = schema.of(found.type)
        if _is_text(found, inside):
            yield found.name
        elif not inside.is_leaf and inside.name not in elsewhere and _can_be_asked(found):
            yield from (
                f"{found.name}.{below.name}"
                for below in inside.fields.values()
                if _is_text(below, schema.of(below.type))
            )


def _is_text(found: Output, kind: Kind) -> bool:
    return kind.is_leaf and kind.name != "Boolean" and _can_be_asked(found)


def _can_be_asked(found: Output) -> bool:
    return not found.type.is_list and not any(item.needed for item in found.arguments.values())
