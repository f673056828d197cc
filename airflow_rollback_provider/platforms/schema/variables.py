# SPDX-License-Identifier: Apache-2.0
"""Where a request uses its variables, and what it looks like with a part of it alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.platforms.schema.syntax import (
    Argument,
    Document,
    Field,
    Fragment,
    Inline,
    Items,
    Object,
    Selection,
    Spread,
    Type,
    Value,
    Variable,
)

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.schema.introspection import Input, Kind, Schema


def variables_in(values: Iterable[Value]) -> Iterator[str]:
    """Yield the names of the variables in some values."""
    for value in values:
        if isinstance(value, Variable):
            yield value.name
        elif isinstance(value, Items):
            yield from variables_in(value.values)
        elif isinstance(value, Object):
            yield from variables_in(argument.value for argument in value.fields)


def variables_below(item: Selection) -> Iterator[str]:
    """Yield the names of the variables in a selection and all below it."""
    arguments = [argument for directive in item.directives for argument in directive.arguments]
    if isinstance(item, Field):
        arguments += item.arguments
    yield from variables_in(argument.value for argument in arguments)
    if not isinstance(item, Spread):
        for below in item.selections:
            yield from variables_below(below)


def spreads_below(item: Selection) -> Iterator[str]:
    """Yield the names of the fragments that are spread in a selection and all below it."""
    if isinstance(item, Spread):
        yield item.name
        return
    for below in item.selections:
        yield from spreads_below(below)


def split(document: Document) -> Mapping[str, Document]:
    """Return a request for each field at the top of a request, by the field's name in the answer."""
    fields = [item for item in document.operation.selections if isinstance(item, Field)]
    return {item.key: _alone(document, item) for item in fields}


def _alone(document: Document, item: Field) -> Document:
    """Keep one field, and of fragments and variables what it uses: a server refuses what is not used."""
    wanted = list(spreads_below(item))
    fragments: list[Fragment] = []
    while wanted:
        name = wanted.pop()
        for fragment in document.fragments:
            if fragment.name == name and fragment not in fragments:
                fragments.append(fragment)
                wanted += [below for one in fragment.selections for below in spreads_below(one)]
    used = set(variables_below(item))
    used |= {name for fragment in fragments for one in fragment.selections for name in variables_below(one)}
    variables = tuple(declared for declared in document.operation.variables if declared.name in used)
    operation = replace(document.operation, variables=variables, selections=(item,))
    return Document(operation, tuple(fragments))


def places_of(document: Document, schema: Schema) -> dict[str, list[Type]]:
    """Return the types of the places in which each variable of a request stands."""
    found: dict[str, list[Type]] = {}
    root = schema.root(document.operation.kind)
    starts = [(root, document.operation.selections)]
    starts += [(schema.kinds.get(item.on), item.selections) for item in document.fragments]
    for kind, selections in starts:
        for name, place in _places(kind, selections, schema):
            found.setdefault(name, []).append(place)
    return found


def _places(
    parent: Kind | None, selections: Iterable[Selection], schema: Schema
) -> Iterator[tuple[str, Type]]:
    for item in selections:
        for directive in item.directives:  # @skip and @include, the only ones that every server has
            for name in variables_in(argument.value for argument in directive.arguments):
                yield name, Type("Boolean", required=True)
        if isinstance(item, Inline):
            yield from _places(schema.kinds.get(item.on) if item.on else parent, item.selections, schema)
        elif isinstance(item, Field) and parent is not None:
            output = schema.output(parent, item.name)
            if output is not None:
                yield from _argument_places(item.arguments, output.arguments, schema)
                yield from _places(schema.of(output.type), item.selections, schema)


def _argument_places(
    given: Iterable[Argument], known: Mapping[str, Input], schema: Schema
) -> Iterator[tuple[str, Type]]:
    for argument in given:
        place = known.get(argument.name)
        if place is None:
            continue
        wanted = place.type if place.needed else replace(place.type, required=False)
        if isinstance(argument.value, Variable):
            yield argument.value.name, wanted
        elif isinstance(argument.value, Object):
            yield from _argument_places(argument.value.fields, schema.of(place.type).inputs, schema)
