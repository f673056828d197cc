# SPDX-License-Identifier: Apache-2.0
"""How a request would have to be written to fit a schema that names things differently.

What comes of it is a suggestion: names that resemble others, and places whose types agree. Whether they mean
the same, only a person can tell. A field that has another name is asked for by that name and keeps its own in
the answer (an alias), so that answers are read as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.platforms.schema.arguments import CannotMend, arranged
from airflow_rollback_provider.platforms.schema.resemblance import resemblance, words
from airflow_rollback_provider.platforms.schema.syntax import (
    Argument,
    Declared,
    Document,
    Field,
    Fragment,
    Inline,
    Selection,
    Spread,
    Type,
)
from airflow_rollback_provider.platforms.schema.variables import places_of

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.schema.introspection import Kind, Output, Schema

_LEAST = 0.5
# No mutation is suggested whose name has one of these words.
_DESTRUCTIVE = frozenset({"delete", "remove", "destroy", "drop", "purge", "terminate", "uninstall"})
# How much of a row must be in a type for it to be taken for one.
_ROW = 0.4
_SAME_FIELD = 0.6
# A type with an id and a status alone is not a row yet.
_SMALLEST_ROW = 6


@dataclass(frozen=True)
class Wanted:
    """What must become of a request for its answer to be of use.

    :param mark: name of the fragment that stands for the fields of a row.
    :param row_fields: first names of the paths of these fields.
    :param row_kind: name of the type that is known to be a row; empty where none is.
    :param result: path of the main result in the answer.
    :param many: whether that is a list.
    :param needed: fields of the main result without which it is of no use.
    :param dispensable: variables that may be left out.
    :param sometimes: variables that are not always given.
    """

    mark: str
    row_fields: frozenset[str]
    row_kind: str
    result: str
    many: bool
    needed: Collection[str] = ("id",)
    dispensable: Collection[str] = ()
    sometimes: Collection[str] = ()


@dataclass(frozen=True)
class Mended:
    """A request as the schema would take it.

    :param document: the request.
    :param result: path of its main result.
    :param instead: what is asked for instead of what, in words.
    :param left_out: what is not asked for any more.
    :param row_kind: name of the type whose fields the mark stands for; empty where there is no mark.
    """

    document: Document
    result: str
    instead: tuple[str, ...]
    left_out: tuple[str, ...]
    row_kind: str


def mend(document: Document, schema: Schema, wanted: Wanted) -> Mended:
    """Write a request so that it would fit a schema.

    :raises CannotMend: when something that cannot be done without is not there.
    """
    return _Mending(document, schema, wanted).all()


class _Mending:
    """One request on its way into another schema."""

    def __init__(self, document: Document, schema: Schema, wanted: Wanted) -> None:
        self._document = document
        self._schema = schema
        self._wanted = wanted
        self._types = {item.name: item.type for item in document.operation.variables}
        self._instead: list[str] = []
        self._left_out: list[str] = []
        self._row_kind = ""
        self._result = wanted.result

    def all(self) -> Mended:
        operation = self._document.operation
        root = self._schema.root(operation.kind)
        if root is None:
            raise CannotMend(f"the schema has no {operation.kind}")
        selections = self._selections(root, operation.selections, ())
        fragments = tuple(self._fragment(item) for item in self._document.fragments)
        mended = Document(replace(operation, selections=selections), fragments)
        variables = tuple(self._variables(mended))
        mended = replace(mended, operation=replace(mended.operation, variables=variables))
        return Mended(mended, self._result, tuple(self._instead), tuple(self._left_out), self._row_kind)

    def _fragment(self, item: Fragment) -> Fragment:
        kind = self._schema.kinds.get(item.on)
        if kind is None:
            raise CannotMend(f"there is no type {item.on}")
        return replace(item, selections=self._selections(kind, item.selections, ("...",)))

    def _selections(
        self, parent: Kind, selections: Iterable[Selection], path: tuple[str, ...]
    ) -> tuple[Selection, ...]:
        items = tuple(selections)
        taken = {item.name for item in items if isinstance(item, Field)} & set(parent.fields)
        kept = [self._selection(parent, item, path, taken) for item in items]
        if not any(kept):
            raise CannotMend(f"{parent.name} has nothing of what is asked for")
        return tuple(item for item in kept if item)

    def _selection(
        self, parent: Kind, item: Selection, path: tuple[str, ...], taken: Collection[str]
    ) -> Selection | None:
        if isinstance(item, Spread):
            self._row_kind = parent.name if item.name == self._wanted.mark else self._row_kind
            return item
        if isinstance(item, Inline):
            kind = self._schema.kinds.get(item.on) if item.on else parent
            if kind is None:
                raise CannotMend(f"there is no type {item.on}")
            return replace(item, selections=self._selections(kind, item.selections, path))
        return self._field_or_none(parent, item, (*path, item.key), taken)

    def _field_or_none(
        self, parent: Kind, item: Field, path: tuple[str, ...], taken: Collection[str]
    ) -> Field | None:
        """Mend a field, or leave it out where the answer is of use without it."""
        before = list(self._instead), list(self._left_out)
        try:
            return self._field(parent, item, path, taken)
        except CannotMend:
            if self._is_needed(".".join(path)):
                raise
            self._instead, self._left_out = before
            self._left_out.append(".".join(path))
            return None

    def _is_needed(self, path: str) -> bool:
        result = self._wanted.result
        below = [f"{result}.{name}" for name in self._wanted.needed]
        return f"{result}.".startswith(f"{path}.") or path in below

    def _field(self, parent: Kind, item: Field, path: tuple[str, ...], taken: Collection[str]) -> Field:
        found = self._schema.output(parent, item.name) or self._alike(parent, item, taken)
        arguments, left_out = self._arguments(found, item)
        self._left_out += [f"${name}" for name in left_out]
        if found.name != item.name:
            self._instead.append(f"{parent.name}.{found.name} instead of {item.name}")
            item = replace(item, name=found.name, alias=item.key)
        elif arguments != item.arguments and not left_out:
            self._instead.append(f"{parent.name}.{found.name} with the arguments that it takes")
        selections = self._below(found, item, path)
        return replace(item, arguments=arguments, selections=selections)

    def _arguments(self, found: Output, item: Field) -> tuple[tuple[Argument, ...], list[str]]:
        return arranged(item.arguments, found, self._schema, self._types, self._wanted.dispensable)

    def _below(self, found: Output, item: Field, path: tuple[str, ...]) -> tuple[Selection, ...]:
        kind = self._schema.of(found.type)
        if not item.selections:
            if not kind.is_leaf:
                raise CannotMend(f"{found} has fields of its own")
            return ()
        if kind.is_leaf:
            raise CannotMend(f"{found} has no fields")
        if self._holds_rows(item):
            return self._rows(found, kind, item, path)
        return self._selections(kind, item.selections, path)

    def _holds_rows(self, item: Field) -> bool:
        return Spread(self._wanted.mark) in item.selections

    def _rows(self, found: Output, kind: Kind, item: Field, path: tuple[str, ...]) -> tuple[Selection, ...]:
        """Go one step deeper where the rows are not the result itself but inside it."""
        fits = found.type.is_list == self._wanted.many
        if fits and self._is_row(kind):
            return self._selections(kind, item.selections, path)
        inside = [output for output in kind.fields.values() if self._is_wrapped_row(output)]
        if inside and not found.type.is_list:
            best = max(inside, key=lambda output: self._share(self._schema.of(output.type)))
            below = self._selections(self._schema.of(best.type), item.selections, path)
            self._result = f"{self._wanted.result}.{best.name}"
            self._instead.append(f"the {best.name} inside {kind.name}")
            return (Field(best.name, selections=below),)
        if not fits:
            raise CannotMend(f"{found} is {'no list' if self._wanted.many else 'a list'}")
        return self._selections(kind, item.selections, path)

    def _is_wrapped_row(self, output: Output) -> bool:
        needs_more = any(argument.needed for argument in output.arguments.values())
        fits = output.type.is_list == self._wanted.many
        return fits and not needs_more and self._is_row(self._schema.of(output.type))

    def _is_row(self, kind: Kind) -> bool:
        if self._wanted.row_kind:
            return kind.name == self._wanted.row_kind
        return self._share(kind) >= _ROW

    def _share(self, kind: Kind) -> float:
        """Tell how much of a row is in a type, by names that are the same or resemble each other."""
        fewer = max(min(len(kind.fields), len(self._wanted.row_fields)), _SMALLEST_ROW)
        there = [
            name
            for name in self._wanted.row_fields
            if name in kind.fields or any(resemblance(name, found) >= _SAME_FIELD for found in kind.fields)
        ]
        return len(there) / fewer

    def _alike(self, parent: Kind, item: Field, taken: Collection[str]) -> Output:
        scored = [
            (self._likeness(item, found), found.name)
            for found in parent.fields.values()
            if found.name not in taken and not self._destroys(found)
        ]
        points, name = max(scored, default=(0.0, ""))
        if points < _LEAST:
            raise CannotMend(f"{parent.name} has nothing like {item.name}")
        return parent.fields[name]

    def _destroys(self, found: Output) -> bool:
        """Whether a mutation says by its name that it is not what anybody wants to try."""
        return self._document.operation.kind == "mutation" and bool(_DESTRUCTIVE & {*words(found.name)})

    def _likeness(self, item: Field, found: Output) -> float:
        kind = self._schema.of(found.type)
        if kind.is_leaf is bool(item.selections):
            return 0.0
        try:
            self._arguments(found, item)
        except CannotMend:
            return 0.0
        name = resemblance(item.name, found.name)
        if not item.selections:
            return name
        names = 0.7 if item.arguments else 0.5
        return names * name + (1 - names) * self._fit(item, kind)

    def _fit(self, item: Field, kind: Kind) -> float:
        """Tell how much of what is asked for below a field is in a type."""
        if self._holds_rows(item):
            inside = [self._schema.of(output.type) for output in kind.fields.values()]
            return max(float(self._is_row(one)) for one in (kind, *inside))
        asked = [below.name for below in item.selections if isinstance(below, Field)]
        return sum(name in kind.fields for name in asked) / (len(asked) or 1)

    def _variables(self, mended: Document) -> Iterator[Declared]:
        """Declare the variables that are still used, each with a type that fits where it stands."""
        places = places_of(mended, self._schema)
        for declared in mended.operation.variables:
            wanted = places.get(declared.name, [])
            if not wanted:
                continue
            required = any(place.required for place in wanted)
            if required and declared.name in self._wanted.sometimes:
                raise CannotMend(f"${declared.name} is needed, and not always known")
            yield replace(declared, type=_one_type(declared, wanted, required=required))


def _one_type(declared: Declared, wanted: Iterable[Type], *, required: bool) -> Type:
    names = {str(replace(place, required=False)) for place in wanted}
    if len(names) > 1:
        raise CannotMend(f"${declared.name} stands for {' and for '.join(sorted(names))}")
    return replace(next(iter(wanted)), required=required or declared.type.required)
