# SPDX-License-Identifier: Apache-2.0
"""What a GraphQL request is made of, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"[_A-Za-z]\w*")


@dataclass(frozen=True)
class Type:
    """A type as it is written: a name, or a list, that may be null unless it is required.

    :param name: the name; empty for a list.
    :param item: the type of a list's items.
    :param required: whether null is excluded (``!``).
    """

    name: str = ""
    item: Type | None = None
    required: bool = False

    @property
    def named(self) -> str:
        """The name inside all lists."""
        return self.item.named if self.item else self.name

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self.item is not None

    def __str__(self) -> str:
        text = f"[{self.item}]" if self.item else self.name
        return f"{text}!" if self.required else text


@dataclass(frozen=True)
class Variable:
    """A variable in the place of a value."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A value that is written out, as its text: a number, text, truth value, null or word of an enum."""

    text: str

    @property
    def is_word(self) -> bool:
        """Whether it is a word of an enum."""
        return bool(_NAME.fullmatch(self.text)) and self.text not in ("true", "false", "null")


@dataclass(frozen=True)
class Items:
    """A list of values."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Object:
    """An input object."""

    fields: tuple[Argument, ...]


Value = Variable | Literal | Items | Object


@dataclass(frozen=True)
class Argument:
    """A name with a value: an argument, or a field of an input object."""

    name: str
    value: Value


@dataclass(frozen=True)
class Directive:
    """A directive."""

    name: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Field:
    """A field that is asked for.

    :param alias: its name in the answer; empty for its own name.
    :param selections: what is asked for of it; empty for a leaf.
    """

    name: str
    alias: str = ""
    arguments: tuple[Argument, ...] = ()
    directives: tuple[Directive, ...] = ()
    selections: tuple[Selection, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the answer."""
        return self.alias or self.name


@dataclass(frozen=True)
class Spread:
    """The fields of a fragment that has a name."""

    name: str
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True)
class Inline:
    """A fragment without a name.

    :param on: the type that it applies to; empty for the one around it.
    """

    on: str
    selections: tuple[Selection, ...]
    directives: tuple[Directive, ...] = ()


Selection = Field | Spread | Inline


@dataclass(frozen=True)
class Declared:
    """A variable that an operation declares."""

    name: str
    type: Type
    default: Value | None = None


@dataclass(frozen=True)
class Operation:
    """An operation.

    :param kind: ``query``, ``mutation`` or ``subscription``.
    """

    kind: str
    name: str
    variables: tuple[Declared, ...]
    selections: tuple[Selection, ...]
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True)
class Fragment:
    """A fragment with a name, and the type that it applies to."""

    name: str
    on: str
    selections: tuple[Selection, ...]
    directives: tuple[Directive, ...] = ()


@dataclass(frozen=True)
class Document:
    """A request: one operation and its fragments."""

    operation: Operation
    fragments: tuple[Fragment, ...] = ()


def asks_for(document: Document, path: str) -> bool:
    """Whether the answer to a request has something at a path, names with dots between.

    Fields inside of fragments do not count.
    """
    below = document.operation.selections
    for key in path.split("."):
        found = next((item for item in below if isinstance(item, Field) and item.key == key), None)
        if found is None:
            return False
        below = found.selections
    return True


def write(document: Document) -> str:
    """Write a request on one line, as it fits into JSON."""
    parts = [_written_operation(document.operation)]
    parts += [
        f"fragment {item.name} on {item.on}{_written_directives(item.directives)} {_block(item.selections)}"
        for item in document.fragments
    ]
    return " ".join(parts)


def _written_operation(operation: Operation) -> str:
    declared = [_written_declared(item) for item in operation.variables]
    variables = f"({', '.join(declared)})" if declared else ""
    head = f"{operation.kind} {operation.name}".strip()
    return f"{head}{variables}{_written_directives(operation.directives)} {_block(operation.selections)}"


def _written_declared(item: Declared) -> str:
    default = f" = {_written_value(item.default)}" if item.default is not None else ""
    return f"${item.name}: {item.type}{default}"


def _block(selections: Iterable[Selection]) -> str:
    return f"{{ {' '.join(_written_selection(item) for item in selections)} }}"


def _written_selection(item: Selection) -> str:
    directives = _written_directives(item.directives)
    if isinstance(item, Spread):
        return f"...{item.name}{directives}"
    if isinstance(item, Inline):
        return f"...{f' on {item.on}' if item.on else ''}{directives} {_block(item.selections)}"
    alias = f"{item.alias}: " if item.alias else ""
    below = f" {_block(item.selections)}" if item.selections else ""
    return f"{alias}{item.name}{_written_arguments(item.arguments)}{directives}{below}"


def _written_directives(directives: Iterable[Directive]) -> str:
    return "".join(f" @{item.name}{_written_arguments(item.arguments)}" for item in directives)


def _written_arguments(arguments: Iterable[Argument]) -> str:
    inside = ", ".join(f"{item.name}: {_written_value(item.value)}" for item in arguments)
    return f"({inside})" if inside else ""


def _written_value(value: Value) -> str:
    if isinstance(value, Variable):
        return f"${value.name}"
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, Items):
        return f"[{', '.join(_written_value(item) for item in value.values)}]"
    return f"{{{', '.join(f'{item.name}: {_written_value(item.value)}' for item in value.fields)}}}"
