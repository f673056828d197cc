# SPDX-License-Identifier: Apache-2.0
"""Reads arguments: of tasks, which a template may have turned into text or into a native value, and times.

With ``render_template_as_native_obj`` a template that renders ``4711`` yields a number, not a text.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import cast

from airflow_rollback_provider.domain.errors import BadInput

_FLAGS = {"true": True, "false": False}
_LONGEST = 3650 * 86400.0
SHORTEST_INTERVAL = 0.01
"""Shortest time between two polls, in seconds."""
_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T ](\d\d:?\d\d(?::?\d\d)?)(?:[.,](\d+))? ?(Z|[+-]\d\d(?::?\d\d){0,2})?",
    re.IGNORECASE | re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MILLISECONDS = re.compile(r"[1-9]\d{12}", re.ASCII)


def optional(value: object, name: str = "the argument") -> str | None:
    """Read a text that may be left out; return None for None, an empty text, and the text ``None``.

    :param value: a text, or the number, truth value or time that a native template makes of a text.
    :raises BadInput: for any other value.
    """
    if isinstance(value, datetime):
        value = value.isoformat()
    if value is not None and not isinstance(value, (str, int, float)):
        raise BadInput(f"{name} is {str(value)[:80]!r}; it must be a text.")
    read = str.strip(value) if isinstance(value, str) else str(value)
    return None if read in ("", "None") else read


def text(value: object, name: str) -> str:
    """Read a text that must not be empty.

    :raises BadInput: when it is, or is no text; see :func:`optional`.
    """
    read = optional(value, name)
    if read is None:
        connection = name.endswith("conn_id")
        what = "an Airflow connection" if connection else "the id or the release name of the Deployment"
        raise BadInput(f"{name} is empty. Give {what}.")
    return read


def seconds(value: object, name: str, *, least: float = 0.0) -> float:
    """Read a duration: a number of seconds, also as text, or a timedelta.

    :param least: minimum duration in seconds.
    :raises BadInput: for any other value, and for more than ten years.
    """
    try:
        number = value.total_seconds() if isinstance(value, timedelta) else float(cast("float", value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not least <= number <= _LONGEST:
        raise BadInput(
            f"{name} is {_shown(value)}; it must be a timedelta or a number of seconds, at least {least:g} "
            "and at most ten years."
        )
    return number


def _shown(value: object) -> str:
    try:
        return repr(value)[:80]
    except ValueError:  # Python refuses to write a number of thousands of digits
        return "too large"


def interval(value: object, name: str = "poll_interval") -> float:
    """Read the time between two polls; see :func:`seconds`."""
    return seconds(value, name, least=SHORTEST_INTERVAL)


def read_time(written: str) -> datetime:
    """Read an ISO 8601 time, or 13 digits: milliseconds since the epoch.

    Python 3.10 reads fewer forms than later versions, which take a long number for a year and more.

    :return: the time, without a zone if the text has none.
    :raises ValueError: for any other text.
    """
    written = written.strip()
    if _MILLISECONDS.fullmatch(written):
        return datetime.fromtimestamp(int(written) / 1000, timezone.utc)
    match = _TIME.fullmatch(f"{written}T00:00" if _DAY.fullmatch(written) else written)
    if match is None:
        raise ValueError(f"{written[:80]!r} is not an ISO 8601 time")
    year, month, day, clock, decimals, zone = match.groups(default="")
    hour, minute, second = [*re.findall(r"\d\d", clock), "00", "00", "00"][:3]
    offset = ":".join([*re.findall(r"\d\d", zone), "00"][: max(2, zone.count(":") + 1)])
    read = datetime.fromisoformat(
        f"{year}-{month}-{day}T{hour}:{minute}:{second}.{decimals[:6]:0<6}"
        f"{'+00:00' if zone in ('Z', 'z') else zone[:1] + offset if zone else ''}"
    )
    try:
        read.astimezone(timezone.utc)  # fails at both ends of the calendar
    except OverflowError:
        raise ValueError(f"{written[:80]!r} is out of range") from None
    return read


def moment(value: object, name: str) -> datetime | None:
    """Read a time that may be left out, and return it in UTC.

    Other zones repeat and skip hours, and Python's arithmetic within one zone ignores that.

    :raises BadInput: when it is none, or has no zone.
    """
    written = optional(value, name)
    if written is None:
        return None
    try:
        read = read_time(written)
    except ValueError:
        raise BadInput(
            f"{name} is {written!r}; it must be a time such as 2026-11-01T12:00:00+00:00."
        ) from None
    if read.tzinfo is None:
        raise BadInput(f"{name} is {written}, which has no zone. Write one, such as +00:00.")
    return read.astimezone(timezone.utc)


def flag(value: object, name: str, *, default: bool = False) -> bool:
    """Read a flag, also from text: a template turns False into the text ``False``, which must not be true.

    :param default: what None, an empty text and the text ``None`` stand for.
    :raises BadInput: when it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    if value is None or (isinstance(value, str) and value.strip() in ("", "None", "none")):
        return default
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise BadInput(f"{name} is {value!r}; it must be true or false.")


def count(value: object, name: str, *, least: int = 0) -> int:
    """Read a whole number.

    :param least: the smallest one.
    :raises BadInput: for any other value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(f"{name} is {_shown(value)}; it must be a whole number, at least {least}.")
    return value


def names(value: object, name: str) -> tuple[str, ...] | None:
    """Read a list of names, also from text or one number; return None if it is left out.

    :raises BadInput: for any other value.
    """
    if isinstance(value, str):
        text = optional(value)
        if text is None:
            return None
        try:
            value = ast.literal_eval(text) if text.startswith(("[", "(")) else text.split(",")
        except (ValueError, SyntaxError):
            raise BadInput(f"{name} is {text!r}; it must be a list of names.") from None
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, Mapping) or not hasattr(value, "__iter__"):
        raise BadInput(f"{name} is {value!r}; it must be a list of names.")
    return tuple(str(item).strip() for item in value if str(item).strip())
