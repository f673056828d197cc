# SPDX-License-Identifier: Apache-2.0
"""Arguments that a field of a schema takes, given what a request has to hand over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_rollback_provider.platforms.schema.resemblance import pair, resemblance
from airflow_rollback_provider.platforms.schema.syntax import Argument, Object, Type, Value, Variable

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.schema.introspection import Input, Output, Schema

# An argument, or an argument and a field of the input object that it takes.
Place = tuple[str, ...]

_LEAST = 0.45
_NUMBERS = ("Int", "Float")
# Variables that stand for a word of an enum.
_WORDS = ("scope",)


class CannotMend(ValueError):
    """A request cannot be brought to fit a schema without knowing more of it."""


def arranged(
    given: Iterable[Argument],
    found: Output,
    schema: Schema,
    types: Mapping[str, Type],
    dispensable: Collection[str],
) -> tuple[tuple[Argument, ...], list[str]]:
    """Hand over what a request has in the places that a field offers for it.

    :param given: the arguments as the request has them.
    :param found: the field.
    :param types: type that the request declares for each variable.
    :param dispensable: variables that may be left out.
    :return: the arguments as the field takes them, and the variables that it has no place for.
    :raises CannotMend: when there is no place for something, or something more is needed.
    """
    values = dict(_values(given))
    places = dict(_places(found, schema))
    chosen = _choose(values, places, schema, types)
    without = [value for place, value in values.items() if place not in chosen]
    left_out = [value.name for value in without if isinstance(value, Variable)]
    homeless = [name for name in left_out if name not in dispensable]
    if homeless or len(left_out) < len(without):
        names = ", ".join(f"${name}" for name in homeless) or "a fixed value"
        raise CannotMend(f"{found} has no place for {names}")
    sources = {goal: place for place, goal in chosen.items()}
    filled = {place: values[sources[place]] for place in places if place in sources}
    _require_all_needed(found, filled, schema)
    return _built(filled), left_out


def _values(given: Iterable[Argument], above: Place = ()) -> Iterator[tuple[Place, Value]]:
    for argument in given:
        here = (*above, argument.name)
        if isinstance(argument.value, Object) and argument.value.fields:
            yield from _values(argument.value.fields, here)
        else:
            yield here, argument.value


def _places(found: Output, schema: Schema) -> Iterator[tuple[Place, Input]]:
    for argument in found.arguments.values():
        kind = schema.of(argument.type)
        if kind.kind == "INPUT_OBJECT" and not argument.type.is_list:
            yield from (((argument.name, name), item) for name, item in kind.inputs.items())
        else:
            yield (argument.name,), argument


def _choose(
    values: Mapping[Place, Value], places: Mapping[Place, Input], schema: Schema, types: Mapping[str, Type]
) -> dict[Place, Place]:
    """Choose a place for each value: of the same name, of a name that resembles it, or the only one left."""

    def can(value: Place, place: Place) -> bool:
        return _carries(values[value], places[place].type, schema, types)

    chosen = {place: place for place in values if place in places and can(place, place)}
    rest = [place for place in values if place not in chosen]
    free = [place for place in places if place not in chosen.values()]
    chosen |= pair(
        rest, free, lambda value, place: can(value, place) * _alike(value, values[value], place), _LEAST
    )
    needed = [place for place in free if places[place].needed]
    return chosen | _only_places([place for place in rest if place not in chosen], needed, chosen, can)


def _only_places(
    rest: list[Place], needed: Iterable[Place], chosen: Mapping[Place, Place], can: Callable[..., bool]
) -> dict[Place, Place]:
    """Choose for values that resemble nothing: what must be given and can take only this value."""
    found: dict[Place, Place] = {}
    for _ in rest:
        for value in rest:
            taken = (*chosen.values(), *found.values())
            open_to_it = [place for place in needed if place not in taken and can(value, place)]
            if value not in found and len(open_to_it) == 1:
                found[value] = open_to_it[0]
    return found


def _alike(where: Place, value: Value, place: Place) -> float:
    names = [where[-1], *([value.name] if isinstance(value, Variable) else [])]
    return max(resemblance(name, place[-1]) for name in names)


def _carries(value: Value, wanted: Type, schema: Schema, types: Mapping[str, Type]) -> bool:
    """Whether a place can take a value, as far as its type tells."""
    kind = schema.of(wanted)
    if wanted.is_list or not kind.is_leaf:
        return False
    if not isinstance(value, Variable):
        return True
    declared = types.get(value.name, Type())
    if kind.kind == "ENUM":
        return value.name in _WORDS or declared.named == kind.name
    if declared.named in _NUMBERS:
        return kind.name not in ("String", "ID", "Boolean")
    return kind.name not in (*_NUMBERS, "Boolean")


def _require_all_needed(found: Output, filled: Mapping[Place, Value], schema: Schema) -> None:
    for argument in found.arguments.values():
        used = [place for place in filled if place[0] == argument.name]
        inputs = schema.of(argument.type).inputs.values() if used and len(used[0]) > 1 else ()
        missing = [item for item in inputs if item.needed and (argument.name, item.name) not in filled]
        if argument.needed and not used:
            missing.append(argument)
        if missing:
            raise CannotMend(f"{found} needs {missing[0].name}: {missing[0].type}, which is not known here")


def _built(filled: Mapping[Place, Value]) -> tuple[Argument, ...]:
    inside: dict[str, list[Argument]] = {}
    built: dict[str, Value] = {}
    for place, value in filled.items():
        if len(place) == 1:
            built[place[0]] = value
        else:
            inside.setdefault(place[0], []).append(Argument(place[1], value))
            built[place[0]] = Object(tuple(inside[place[0]]))
    return tuple(Argument(name, value) for name, value in built.items())
