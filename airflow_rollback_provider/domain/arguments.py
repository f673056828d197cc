# SPDX-License-Identifier: Apache-2.0
"""Arguments of tasks that templates have turned into text."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow_rollback_provider.domain.errors import BadInput

_FLAGS = {"true": True, "false": False, "none": False, "": False}


def text(value: str, name: str) -> str:
    """Read an argument that must not be empty.

    :raises BadInput: when it is.
    """
    if not isinstance(value, str) or value.strip() in ("", "None"):
        raise BadInput(f"{name} is empty. Say which Deployment is meant, by its id or release name.")
    return value.strip()


def optional(value: str | None) -> str | None:
    """Read an argument that may be left out; a template turns None into text."""
    return None if value is None or value.strip() in ("", "None") else value.strip()


def seconds(value: object, name: str, *, least: float = 0.0) -> float:
    """Read a duration: a number of seconds, as text too, or a timedelta.

    :param least: the duration must be longer than that, or equal where it is 0.
    :raises BadInput: for anything else.
    """
    try:
        given: Any = value
        number = given.total_seconds() if isinstance(given, timedelta) else float(given)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number < least:
        raise BadInput(
            f"{name} is {value!r}; it must be a timedelta or a number of seconds from {least:g} on."
        )
    return number


def flag(value: bool | str, name: str) -> bool:
    """Read a flag; the text ``False``, which a template makes of a false parameter, must not count as true.

    :raises BadInput: when it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise BadInput(f"{name} is {value!r}; it must be true or false.")


def names(value: object, name: str) -> tuple[str, ...] | None:
    """Read a list of names that a template may have turned into text; None where it is left out.

    :raises BadInput: when it is something else.
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
    if isinstance(value, Mapping) or not hasattr(value, "__iter__"):
        raise BadInput(f"{name} is {value!r}; it must be a list of names.")
    return tuple(str(item).strip() for item in value if str(item).strip())
