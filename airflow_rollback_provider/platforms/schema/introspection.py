# SPDX-License-Identifier: Apache-2.0
"""A GraphQL schema as an installation tells it: the standard's own query, and its answer as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_rollback_provider.platforms.schema.syntax import Type

# Without descriptions, which are most of a schema's bytes, and what is never looked at.
QUERY = """\
query IntrospectionQuery {
  __schema {
    queryType { name }
    mutationType { name }
    types {
      kind
      name
      fields(includeDeprecated: true) {
        name
        args { name defaultValue type { ...TypeRef } }
        type { ...TypeRef }
      }
      inputFields { name defaultValue type { ...TypeRef } }
      enumValues(includeDeprecated: true) { name }
      possibleTypes { name }
    }
  }
}
fragment TypeRef on __Type {
  kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
}
"""


class NoSchema(ValueError):
    """An answer is no schema."""


@dataclass(frozen=True)
class Input:
    """An argument, or a field of an input object.

    :param needed: whether it must be given: null is excluded and there is no default.
    """

    name: str
    type: Type
    needed: bool


@dataclass(frozen=True)
class Output:
    """A field of an object."""

    name: str
    type: Type
    arguments: Mapping[str, Input] = field(default_factory=dict)

    def __str__(self) -> str:
        inside = ", ".join(f"{item.name}: {item.type}" for item in self.arguments.values())
        return f"{self.name}({inside}): {self.type}" if inside else f"{self.name}: {self.type}"


@dataclass(frozen=True)
class Kind:
    """A type that has a name.

    :param name: its name.
    :param kind: the standard's word: ``OBJECT``, ``SCALAR``, ``ENUM``, ``INPUT_OBJECT``, …
    :param fields: of an object or interface.
    :param inputs: of an input object.
    :param words: of an enum.
    :param members: names of the types that an interface or union stands for.
    """

    name: str
    kind: str
    fields: Mapping[str, Output] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def is_leaf(self) -> bool:
        """Whether a field of this type has no fields itself."""
        return self.kind in ("SCALAR", "ENUM")

    @property
    def is_input(self) -> bool:
        """Whether a variable can be of this type."""
        return self.kind in ("SCALAR", "ENUM", "INPUT_OBJECT")


# Every object has it, and no schema lists it.
_TYPENAME = Output("__typename", Type("String", required=True))


@dataclass(frozen=True)
class Schema:
    """A schema.

    :param kinds: its types by name.
    :param roots: name of the type that an operation begins at, by ``query`` and ``mutation``.
    """

    kinds: Mapping[str, Kind]
    roots: Mapping[str, str]

    def root(self, kind: str) -> Kind | None:
        """Return the type that a kind of operation begins at; None where there is no such operation."""
        return self.kinds.get(self.roots.get(kind, ""))

    def of(self, of: Type) -> Kind:
        """Return the type with a name that lies inside a written type."""
        return self.kinds.get(of.named) or Kind(of.named, "UNKNOWN")

    def output(self, parent: Kind, name: str) -> Output | None:
        """Return a field of an object, ``__typename`` too; None where there is none."""
        return _TYPENAME if name == "__typename" else parent.fields.get(name)


def read_schema(data: object) -> Schema:
    """Read the data of an answer to :data:`QUERY`.

    :raises NoSchema: when it is something else.
    """
    try:
        told: Any = data["__schema"]  # type: ignore[index]  # whatever it is, the error is caught
        kinds = [_read_kind(item) for item in told["types"]]
        roots = {kind: told[f"{kind}Type"] for kind in ("query", "mutation")}
        return Schema(
            {kind.name: kind for kind in kinds}, {kind: _name(root) for kind, root in roots.items() if root}
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise NoSchema(f"{type(error).__name__}: {error}") from None


def _read_kind(told: Mapping[str, Any]) -> Kind:
    return Kind(
        name=_name(told),
        kind=str(told["kind"]),
        fields={_name(item): _read_output(item) for item in told["fields"] or ()},
        inputs={_name(item): _read_input(item) for item in told["inputFields"] or ()},
        words=tuple(_name(item) for item in told["enumValues"] or ()),
        members=tuple(_name(item) for item in told["possibleTypes"] or ()),
    )


def _read_output(told: Mapping[str, Any]) -> Output:
    arguments = {_name(item): _read_input(item) for item in told["args"]}
    return Output(_name(told), _read_type(told["type"]), arguments)


def _read_input(told: Mapping[str, Any]) -> Input:
    kind = _read_type(told["type"])
    return Input(_name(told), kind, kind.required and told["defaultValue"] is None)


def _read_type(told: Mapping[str, Any]) -> Type:
    if told["kind"] == "NON_NULL":
        inside = _read_type(told["ofType"])
        return Type(inside.name, inside.item, required=True)
    if told["kind"] == "LIST":
        return Type(item=_read_type(told["ofType"]))
    return Type(_name(told))


def _name(told: Mapping[str, Any]) -> str:
    name = told["name"]
    if not isinstance(name, str):
        raise TypeError(f"a name is a {type(name).__name__}")
    return name
