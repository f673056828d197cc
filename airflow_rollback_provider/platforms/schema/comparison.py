# SPDX-License-Identifier: Apache-2.0
"""Whether a request fits a schema: the rules of GraphQL's validation that a name or type can break.

A server checks the same before it executes anything. A test lets the library ``graphql-core`` judge the same
requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from airflow_rollback_provider.platforms.schema.introspection import Input, Kind, Output, Schema
from airflow_rollback_provider.platforms.schema.syntax import (
    Argument,
    Declared,
    Document,
    Field,
    Inline,
    Items,
    Literal,
    Object,
    Selection,
    Spread,
    Type,
    Value,
    Variable,
)
from airflow_rollback_provider.platforms.schema.variables import variables_below, variables_in


def differences(document: Document, schema: Schema) -> tuple[str, ...]:
    """Say in words where a request does not fit a schema; nothing where it fits."""
    return tuple(dict.fromkeys(_Comparison(document, schema).all()))


class _Comparison:
    """One request beside one schema."""

    def __init__(self, document: Document, schema: Schema) -> None:
        self._document = document
        self._schema = schema
        self._declared = {item.name: item for item in document.operation.variables}
        self._fragments = {item.name: item for item in document.fragments}
        self._used: set[str] = set()
        self._spread: set[str] = set()

    def all(self) -> Iterator[str]:
        operation = self._document.operation
        root = self._schema.root(operation.kind)
        if root is None:
            yield f"the schema has no {operation.kind}"
            return
        for item in operation.variables:
            yield from self._variable(item)
        yield from self._selections(root, operation.selections)
        yield from self._fragments_themselves()
        for name in [name for name in self._declared if name not in self._used]:
            yield f"${name} is declared and not used"

    def _variable(self, item: Declared) -> Iterator[str]:
        kind = self._schema.kinds.get(item.type.named)
        if kind is None:
            yield f"there is no type {item.type.named}, which ${item.name} has"
        elif not kind.is_input:
            yield f"${item.name} cannot be of the type {kind.name}"

    def _fragments_themselves(self) -> Iterator[str]:
        for item in self._fragments.values():
            if item.name not in self._spread:
                yield f"the fragment {item.name} is not used"
            kind = self._schema.kinds.get(item.on)
            if kind is None:
                yield f"there is no type {item.on}, which the fragment {item.name} is for"
            else:
                yield from self._selections(kind, item.selections)

    def _selections(self, parent: Kind, selections: Iterable[Selection]) -> Iterator[str]:
        for item in selections:
            self._note_variables(item)
            if isinstance(item, Field):
                yield from self._field(parent, item)
            elif isinstance(item, Inline):
                yield from self._inline(parent, item)
            else:
                yield from self._named(parent, item)

    def _note_variables(self, item: Selection) -> None:
        for directive in item.directives:
            self._used.update(variables_in(argument.value for argument in directive.arguments))

    def _inline(self, parent: Kind, item: Inline) -> Iterator[str]:
        kind = self._schema.kinds.get(item.on) if item.on else parent
        if kind is None:
            yield f"there is no type {item.on}"
            return
        yield from self._possible(parent, kind)
        yield from self._selections(kind, item.selections)

    def _named(self, parent: Kind, item: Spread) -> Iterator[str]:
        self._spread.add(item.name)
        fragment = self._fragments.get(item.name)
        if fragment is None:
            yield f"there is no fragment {item.name}"
        elif fragment.on in self._schema.kinds:
            yield from self._possible(parent, self._schema.kinds[fragment.on])

    def _possible(self, parent: Kind, kind: Kind) -> Iterator[str]:
        """A fragment must be for a type that can stand where it is spread."""
        here, there = {parent.name, *parent.members}, {kind.name, *kind.members}
        if not here & there:
            yield f"{parent.name} is never {kind.name}"

    def _field(self, parent: Kind, item: Field) -> Iterator[str]:
        found = self._schema.output(parent, item.name)
        if found is None:
            yield f"{parent.name} has no field {item.name}"
            self._used.update(variables_below(item))
            return
        yield from self._arguments(f"{parent.name}.{item.name}", item.arguments, found)
        kind = self._schema.of(found.type)
        if kind.is_leaf and item.selections:
            yield f"{parent.name}.{item.name} is a {kind.name} without fields of its own"
            self._used.update(variables_below(item))
        elif not kind.is_leaf and not item.selections:
            yield f"{parent.name}.{item.name} is a {kind.name}: which of its fields are asked for is missing"
        else:
            yield from self._selections(kind, item.selections)

    def _arguments(self, where: str, given: Iterable[Argument], found: Output) -> Iterator[str]:
        yield from self._inputs(where, "argument", tuple(given), found.arguments.values())

    def _inputs(
        self, where: str, word: str, given: tuple[Argument, ...], known: Iterable[Input]
    ) -> Iterator[str]:
        """Compare arguments, or the fields of an input object, with what is known."""
        by_name = {item.name: item for item in known}
        for argument in given:
            self._used.update(variables_in([argument.value]))
            if argument.name not in by_name:
                yield f"{where} has no {word} {argument.name}"
            else:
                wanted = by_name[argument.name]
                yield from self._value(f"{where}({argument.name})", argument.value, wanted)
        names = {argument.name for argument in given}
        for item in by_name.values():
            if item.needed and item.name not in names:
                yield f"{where} needs the {word} {item.name}: {item.type}"

    def _value(self, where: str, value: Value, wanted: Input) -> Iterator[str]:
        if isinstance(value, Variable):
            yield from self._variable_fits(where, value, wanted)
        else:
            yield from self._literal(where, value, wanted.type)

    def _variable_fits(self, where: str, value: Variable, wanted: Input) -> Iterator[str]:
        declared = self._declared.get(value.name)
        if declared is None:
            yield f"${value.name} is used and not declared"
        elif declared.type.named in self._schema.kinds and not _fits(declared, wanted):
            yield f"{where} takes {wanted.type}, and ${value.name} is {declared.type}"

    def _literal(self, where: str, value: Value, wanted: Type) -> Iterator[str]:
        kind = self._schema.of(wanted)
        if isinstance(value, Variable):
            yield from self._variable_fits(where, value, Input("", wanted, needed=wanted.required))
        elif value == Literal("null"):
            if wanted.required:
                yield f"{where} takes {wanted}, and null is given"
        elif isinstance(value, Items) and wanted.item:
            for item in value.values:
                yield from self._literal(where, item, wanted.item)
        elif isinstance(value, Object) and kind.kind == "INPUT_OBJECT":
            yield from self._inputs(kind.name, "field", value.fields, kind.inputs.values())
        elif not _is_literal_of(value, kind):
            yield f"{where} takes {wanted}, and something else is given"


def _is_literal_of(value: Value, kind: Kind) -> bool:
    if kind.kind == "ENUM":
        return isinstance(value, Literal) and value.text in kind.words
    if kind.kind != "SCALAR":
        return False
    is_one = _STANDARD.get(kind.name)
    if is_one is None:
        return True  # a scalar of the installation's own decides by itself
    return isinstance(value, Literal) and is_one(value.text)


def _is_text(text: str) -> bool:
    return text.startswith('"')


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _is_number(text: str) -> bool:
    return text.removeprefix("-")[:1].isdecimal()


_STANDARD: dict[str, Callable[[str], bool]] = {
    "Int": _is_whole,
    "Float": _is_number,
    "Boolean": lambda text: text in ("true", "false"),
    "String": _is_text,
    "ID": lambda text: _is_text(text) or _is_whole(text),
}


def _fits(declared: Declared, wanted: Input) -> bool:
    """Whether a variable may stand in a place (specification, "All Variable Usages Are Allowed")."""
    place = wanted.type
    has_default = declared.default is not None and declared.default != Literal("null")
    optional_place = place.required and not wanted.needed  # it has a default of its own
    if place.required and not declared.type.required and (has_default or optional_place):
        place = Type(place.name, place.item)
    return _is_within(declared.type, place)


def _is_within(given: Type, place: Type) -> bool:
    if place.required and not given.required:
        return False
    if place.item:
        return given.item is not None and _is_within(given.item, place.item)
    return given.item is None and given.name == place.name
