# SPDX-License-Identifier: Apache-2.0
"""Converts frozen dataclasses to JSON-ready values and back, strictly: other values raise an error."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

T = TypeVar("T")


class JsonDataclass:
    """Base of the dataclasses that are stored, or sent from a task to its trigger and back."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        return cast("dict[str, Any]", encode(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`.

        :raises ValueError: when a field is missing, unknown or of another type.
        """
        return decode(cls, values)


def encode(value: Any) -> Any:
    """Return JSON-ready values for a dataclass.

    :param value: its fields are texts, numbers, times, durations, enums, tuples, dicts of JSON-ready values
        and other such dataclasses. A duration is written in seconds.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], values: Any) -> T:
    """Read the output of :func:`encode`.

    :param values: the values from JSON. A field may be missing if it has a default.
    :raises ValueError: when a field is missing, unknown or of another type; the message names it.
    """
    _expect(dict, values, kind.__name__)
    described: dict[str, tuple[bool, Any]] = _fields(cast("Any", kind))
    missing = [name for name, (required, _) in described.items() if required and name not in values]
    unknown = [name for name in values if name not in described]
    if missing or unknown:
        raise ValueError(
            f"{kind.__name__} lacks {missing or 'nothing'} and has unknown {unknown or 'nothing'}"
        )
    return kind(**{name: _read(described[name][1], value, name) for name, value in values.items()})


@lru_cache(maxsize=64)
def _fields(kind: Any) -> dict[str, tuple[bool, Any]]:
    hints = get_type_hints(kind)
    return {
        field.name: (field.default is MISSING and field.default_factory is MISSING, hints[field.name])
        for field in fields(kind)
    }


def _read(kind: Any, value: Any, name: str) -> Any:
    alternatives = get_args(kind)
    if get_origin(kind) is tuple:
        return tuple(_read(alternatives[0], item, name) for item in _expect(list, value, name))
    if NoneType in alternatives:
        return None if value is None else _read(alternatives[0], value, name)
    if get_origin(kind) is dict:
        return _expect(dict, value, name)
    if is_dataclass(kind):
        return decode(cast("type[Any]", kind), value)
    if kind in _SCALARS:
        return _SCALARS[kind](value, name)
    return kind(_expect(str, value, name))  # an enum


def _expect(kind: type[T], value: Any, name: str) -> T:
    # The type must match exactly: True is not a number here.
    if type(value) is not kind:
        raise ValueError(f"{name} is of type {type(value).__name__} instead of {kind.__name__}")
    return value


def _time(value: Any, name: str) -> datetime:
    moment = datetime.fromisoformat(_expect(str, value, name))
    if moment.tzinfo is None:
        raise ValueError(f"{name} is a time without a zone")
    return moment


def _number(value: Any, name: str) -> float:
    return value if type(value) is int else _expect(float, value, name)


_SCALARS: dict[Any, Callable[[Any, str], Any]] = {
    str: lambda value, name: _expect(str, value, name),
    bool: lambda value, name: _expect(bool, value, name),
    int: lambda value, name: _expect(int, value, name),
    float: _number,
    datetime: _time,
    timedelta: lambda value, name: timedelta(seconds=_number(value, name)),
}
