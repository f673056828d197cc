# SPDX-License-Identifier: Apache-2.0
"""Astro Private Cloud's values as domain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.deploys import Deploy, Deployment, Mechanism
from airflow_rollback_provider.platforms.base import LogLine
from airflow_rollback_provider.platforms.graphql import malformed

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.assumptions import Assumptions


class Row:
    """One object of an answer; every complaint names the operation and the field.

    :param operation: name of the operation.
    :param values: the object.
    """

    def __init__(self, operation: str, values: object) -> None:
        if not isinstance(values, Mapping):
            raise malformed(operation, f"holds {type(values).__name__} where an object belongs")
        self._operation = operation
        self._values = values

    def find(self, path: str | None) -> Any:
        """Return the value at a path; None where anything on the way is missing or null."""
        value: Any = self._values if path else None
        for name in path.split(".") if path else ():
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def text(self, path: str | None) -> str | None:
        """Return a text, or None for null and empty."""
        value = self.find(path)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise malformed(
                self._operation, f"has {type(value).__name__} in the field {path!r} where a text belongs"
            )
        return value or None

    def needed(self, path: str | None) -> str:
        """Return a text that must be there."""
        value = self.text(path)
        if value is None:
            raise malformed(self._operation, f"lacks the field {path!r}")
        return value

    def time(self, path: str | None) -> datetime | None:
        """Return a time with its zone, or None for null."""
        text = self.text(path)
        try:
            return read_time(text) if text else None
        except ValueError:
            raise malformed(self._operation, f"has no ISO 8601 time in the field {path!r}") from None

    def needed_time(self, path: str | None) -> datetime:
        """Return a time that must be there."""
        self.needed(path)
        moment = self.time(path)
        assert moment is not None  # noqa: S101 - needed() has seen a text
        return moment


def read_time(text: str) -> datetime:
    """Read an ISO 8601 time with any number of decimals; one without a zone is UTC.

    :raises ValueError: for anything else.
    """
    # Python 3.10 reads neither a final Z nor decimals other than 3 or 6.
    text = re.sub(r"[zZ]$", "+00:00", text.strip())
    text = re.sub(r"\.(\d+)", lambda match: f".{match[1][:6]:0<6}", text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def read_deploy(values: object, operation: str, deployment_id: str, assumptions: Assumptions) -> Deploy:
    """Read a row of the deploy history.

    A row that does not name its Deployment belongs to the one asked about.
    """
    row, at = Row(operation, values), assumptions.deploy_fields
    return Deploy(
        id=row.needed(at["id"]),
        deployment_id=row.text(at["deployment_id"]) or deployment_id,
        created_at=row.needed_time(at["created_at"]),
        status=assumptions.status(row.text(at["status"])),
        type=row.text(at["type"]) or "",
        image_repository=row.text(at["image_repository"]),
        image_tag=row.text(at["image_tag"]),
        runtime_version=row.text(at["runtime_version"]),
        airflow_version=row.text(at["airflow_version"]),
        dag_bundle=row.text(at["dag_bundle"]),
        mechanism=Mechanism.read(row.text(at["mechanism"])),
        git_commit=row.text(at["git_commit"]),
        description=row.text(at["description"]) or "",
        created_by=row.text(at["created_by"]),
        updated_at=row.time(at["updated_at"]),
        rolled_back_to=row.text(at["rolled_back_to"]),
        scope=assumptions.scope(row.text(at["scope"])),
        status_reason=row.text(at["status_reason"]),
    )


def read_deployment(values: object, operation: str) -> Deployment:
    """Read a Deployment."""
    row = Row(operation, values)
    release = row.text("releaseName") or ""
    return Deployment(
        id=row.needed("id"),
        name=row.text("label") or release or row.needed("id"),
        release_name=release,
        mechanism=Mechanism.read(row.text("dagDeployment.type")),
        runtime_version=row.text("runtimeVersion"),
        airflow_version=row.text("runtimeAirflowVersion"),
        image_tag=row.text("deployInfo.current"),
        workspace_id=row.text("workspace.id"),
        cluster_id=row.text("clusterId"),
    )


def read_log_line(values: object, operation: str) -> LogLine:
    """Read a log line."""
    row = Row(operation, values)
    return LogLine(row.text("id") or "", row.needed_time("timestamp"), row.text("message") or "")


def read_flag(flags: object, keys: tuple[str, ...]) -> tuple[str | None, bool | None]:
    """Find the installation's rollback switch among its feature flags.

    :param flags: the value of ``featureFlags``.
    :param keys: where it may be, the likeliest first; dots may be levels or part of a key.
    :return: the key that was found and its value; None where there is none, which is not the same as off.
    """
    for key in keys:
        for value in (
            (Row("featureFlags", flags).find(key), flags.get(key)) if isinstance(flags, Mapping) else ()
        ):
            if isinstance(value, bool):
                return key, value
            if isinstance(value, str) and value.lower() in ("true", "false"):
                return key, value.lower() == "true"
    return None, None
