# SPDX-License-Identifier: Apache-2.0
"""A GraphQL request, read from its text: requests alone, not schemas (specification of October 2021).

The doctor compares requests with an installation's schema on machines that have no GraphQL library, which
only the extra ``sandbox`` brings. A test compares what is read here with what that library reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from airflow_rollback_provider.platforms.schema.syntax import (
    Argument,
    Declared,
    Directive,
    Document,
    Field,
    Fragment,
    Inline,
    Items,
    Literal,
    Object,
    Operation,
    Selection,
    Spread,
    Type,
    Value,
    Variable,
)

T = TypeVar("T")

_TOKEN = re.compile(
    r"(?:[\s,\ufeff]|#[^\n\r]*)*(?P<token>\.\.\.|[!$&()\:=@\[\]{|}]|[_A-Za-z][_0-9A-Za-z]*"
    r'|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|"""(?:\\"""|[\s\S])*?"""'
    r'|"(?:\\.|[^"\\\n\r])*"|$)'
)
_NAME = re.compile(r"[_A-Za-z]\w*")


class NotGraphQL(ValueError):
    """A text is no GraphQL request."""


def read(text: str) -> Document:
    """Read a request with one operation.

    :raises NotGraphQL: when it is anything else.
    """
    return _Reader(text).document()


class _Reader:
    """Reads a document from its first token to its last."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def document(self) -> Document:
        operations, fragments = [], []
        while self._next:
            if self._next == "fragment":
                fragments.append(self._fragment())
            else:
                operations.append(self._operation())
        if len(operations) != 1:
            raise NotGraphQL(f"there are {len(operations)} operations where one belongs")
        return Document(operations[0], tuple(fragments))

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self, expected: str = "") -> str:
        token = self._next
        if not token or (expected and token != expected):
            raise NotGraphQL(f"{token or 'the end'!r} stands where {expected or 'more'!r} belongs")
        self._at += 1
        return token

    def _taken(self, token: str) -> bool:
        if self._next != token:
            return False
        self._at += 1
        return True

    def _name(self) -> str:
        token = self._take()
        if not _NAME.fullmatch(token):
            raise NotGraphQL(f"{token!r} stands where a name belongs")
        return token

    def _many(self, opening: str, one: Callable[[], T], closing: str) -> tuple[T, ...]:
        """Read one thing or more between two signs; nothing where the first sign is not there."""
        return self._rest(one, closing) if self._taken(opening) else ()

    def _rest(self, one: Callable[[], T], closing: str) -> tuple[T, ...]:
        found = [one()]
        while not self._taken(closing):
            found.append(one())
        return tuple(found)

    def _operation(self) -> Operation:
        if self._next == "{":
            return Operation("query", "", (), self._selections())
        kind = self._name()
        if kind not in ("query", "mutation", "subscription"):
            raise NotGraphQL(f"{kind!r} stands where an operation belongs")
        name = "" if self._next in ("(", "@", "{") else self._name()
        variables = self._many("(", self._declared, ")")
        directives = self._directives()
        return Operation(kind, name, variables, self._selections(), directives)

    def _declared(self) -> Declared:
        self._take("$")
        name = self._name()
        self._take(":")
        kind = self._type()
        default = self._value() if self._taken("=") else None
        self._directives()
        return Declared(name, kind, default)

    def _type(self) -> Type:
        if self._taken("["):
            item = self._type()
            self._take("]")
            return Type(item=item, required=self._taken("!"))
        return Type(self._name(), required=self._taken("!"))

    def _fragment(self) -> Fragment:
        self._take("fragment")
        name = self._name()
        self._take("on")
        on = self._name()
        directives = self._directives()
        return Fragment(name, on, self._selections(), directives)

    def _selections(self) -> tuple[Selection, ...]:
        found = self._many("{", self._selection, "}")
        if not found:
            raise NotGraphQL(f"{self._next or 'the end'!r} stands where '{{' belongs")
        return found

    def _selection(self) -> Selection:
        return self._spread() if self._taken("...") else self._field()

    def _spread(self) -> Selection:
        if self._next in ("@", "{"):
            directives = self._directives()
            return Inline("", self._selections(), directives)
        name = self._name()
        if name != "on":
            return Spread(name, self._directives())
        on = self._name()
        directives = self._directives()
        return Inline(on, self._selections(), directives)

    def _field(self) -> Field:
        name = self._name()
        alias, name = (name, self._name()) if self._taken(":") else ("", name)
        arguments = self._many("(", self._argument, ")")
        directives = self._directives()
        selections = self._selections() if self._next == "{" else ()
        return Field(name, alias, arguments, directives, selections)

    def _argument(self) -> Argument:
        name = self._name()
        self._take(":")
        return Argument(name, self._value())

    def _directives(self) -> tuple[Directive, ...]:
        found = []
        while self._taken("@"):
            name = self._name()
            found.append(Directive(name, self._many("(", self._argument, ")")))
        return tuple(found)

    def _value(self) -> Value:
        if self._taken("$"):
            return Variable(self._name())
        if self._next in ("[", "{"):
            return self._nested()
        token = self._take()
        if token[0] in '"-_' or token[0].isalnum():
            return Literal(token)
        raise NotGraphQL(f"{token!r} stands where a value belongs")

    def _nested(self) -> Value:
        opening = self._take()
        if opening == "[":
            return Items(() if self._taken("]") else self._rest(self._value, "]"))
        return Object(() if self._taken("}") else self._rest(self._argument, "}"))


def _tokens(text: str) -> Iterator[str]:
    """Yield the tokens, and an empty one at the end."""
    at = 0
    while match := _TOKEN.match(text, at):
        yield match["token"]
        if not match["token"]:
            return
        at = match.end()
    rest = text[at:].lstrip()
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    raise NotGraphQL(f"line {line} has something that no GraphQL has: {rest.splitlines()[0][:20]!r}")
