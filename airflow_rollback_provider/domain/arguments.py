# SPDX-License-Identifier: Apache-2.0
"""Reads arguments of tasks, which a template may have turned into text."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from airflow_rollback_provider.domain.errors import BadInput

_FLAGS = {"true": True, "false": False, "none": False, "": False}


def text(value: str, name: str) -> str:
    """Read a text that must not be empty.

    :raises BadInput: when it is.
    """
    if not isinstance(value, str) or value.strip() in ("", "None"):
        raise BadInput(f"{name} is empty. Give the id or the release name of the Deployment.")
    return value.strip()


def optional(value: str | None) -> str | None:
    """Read a text that may be left out; a template turns None into the text ``None``."""
    return None if value is None or value.strip() in ("", "None") else value.strip()


def in_seconds(duration: float | timedelta) -> float:
    """Return a duration in seconds.

    :param duration: a number of seconds, or a timedelta.
    """
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def seconds(value: object, name: str, *, least: float = 0.0) -> float:
    """Read a duration: a number of seconds, also as text, or a timedelta.

    :param least: minimum duration in seconds.
    :raises BadInput: for any other value.
    """
    try:
        number = in_seconds(cast("float", value))
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number < least:
        raise BadInput(
            f"{name} is {value!r}; it must be a timedelta or a number of seconds, at least {least:g}."
        )
    return number


def flag(value: bool | str, name: str) -> bool:
    """Read a flag, also from text: a template turns False into the text ``False``, which must not be true.

    :raises BadInput: when it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise BadInput(f"{name} is {value!r}; it must be true or false.")


def names(value: object, name: str) -> tuple[str, ...] | None:
    """Read a list of names, also from text; return None if it is left out.

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
    if isinstance(value, Mapping) or not hasattr(value, "__iter__"):
        raise BadInput(f"{name} is {value!r}; it must be a list of names.")
    return tuple(str(item).strip() for item in value if str(item).strip())
