# SPDX-License-Identifier: Apache-2.0
"""What the doctor says about a schema that differs: settings to copy, and what a person has to decide."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.findings import Finding, Status

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.schema.fields import FieldNames
    from airflow_rollback_provider.platforms.schema.mending import Mended

CAUTION = (
    "Names and types agree; whether they mean the same only the schema's documentation tells (its Docs tab). "
    "Nothing was tried."
)


def add(patch: Mapping[str, Any]) -> str:
    """Say what to write into the connection.

    :param patch: what comes into its field ``assumptions``.
    """
    return f"Add to the connection's extra: {_setting(patch)}."


def of_fields(names: FieldNames) -> str:
    """Say what else the fields of a deploy might be called, and what would not be known any more."""
    parts = [f"For {ours} also {', '.join(found)}." for ours, found in names.others.items() if found]
    gone = [ours for ours, path in names.likeliest.items() if path is None]
    if gone:
        parts.append(f"Nothing resembles {', '.join(gone)}: null leaves that out, and plans do not know it.")
    if names.unused:
        parts.append(f"Not used so far: {', '.join(names.unused)}.")
    return " ".join(parts)


def choose_fields(lost: Collection[str], names: FieldNames) -> str:
    """Say which fields of a deploy a person has to find who knows the installation."""
    setting = _setting({"deploy_fields": dict.fromkeys(lost, "<its name there>")})
    return (
        f"Nothing there resembles {', '.join(lost)}, which cannot be done without. Find the name in the "
        f"schema (its Docs tab) and set it in the connection's extra: {setting}. To choose from: "
        f"{', '.join(names.unused) or 'nothing'}."
    )


def choose_scopes(unknown: Iterable[str]) -> str:
    """Say that a person has to choose the words for what is brought back."""
    setting = _setting({"scopes": dict.fromkeys(unknown, "<the word there>")})
    return f"Choose the words and set them in the connection's extra: {setting}."


def by_hand(operation: str, reason: str) -> str:
    """Say that a person has to write a request, and where to put it."""
    setting = _setting({operation: {"document": "<GraphQL>", "path": "<where its result is>"}})
    return (
        f"No setting can be suggested: {reason}. Write the request as the schema has it (its Docs tab) into "
        f"the connection's extra: {setting}."
    )


def of_request(mended: Mended) -> str:
    """Say in what a request that is suggested differs."""
    parts = [f"It asks for {'; '.join(mended.instead)}."] if mended.instead else []
    if mended.left_out:
        parts.append(f"It leaves out {', '.join(mended.left_out)}.")
    return " ".join(parts) or "It declares its variables as the schema has them."


def not_told(what: str, mended: Mended) -> Finding:
    """Return the finding on an installation that does not tell permissions and toggle."""
    return Finding(
        "SCHEMA-OPERATION",
        Status.UNKNOWN,
        f"{what} Nothing there resembles {', '.join(mended.left_out)}: plans say that it is not known, and "
        "the platform checks it when a rollback is submitted.",
    )


def _setting(patch: Mapping[str, Any]) -> str:
    return json.dumps({"assumptions": patch})
