# SPDX-License-Identifier: Apache-2.0
"""Conversion of an Airflow's rows into domain values. Errors name the missing field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.airflow_api.errors import malformed
from airflow_rollback_provider.domain.arguments import read_time
from airflow_rollback_provider.domain.runs import DagRow, DagRun, TaskRow

if TYPE_CHECKING:
    from airflow_rollback_provider.airflow_api.settings import ApiSettings

# Timetable description of a Dag without a schedule, on Airflow 2 and 3.
_UNSCHEDULED = "Never, external triggers only"
_LONGEST_ERROR = 200


class Reader:
    """Reads the rows of one Airflow.

    :param operation: name of the operation, for errors.
    :param settings: the Airflow's settings, for errors.
    """

    def __init__(self, operation: str, settings: ApiSettings) -> None:
        self._operation = operation
        self._settings = settings

    def run(self, row: Mapping[str, Any]) -> DagRun:
        """Read a Dag run."""
        return DagRun(
            self.text(row, "dag_id"),
            self.text(row, "dag_run_id"),
            self.text(row, "run_type"),
            self.text(row, "state"),
            self.time(row, "start_date"),
            self.time(row, "end_date"),
        )

    def dag(self, row: Mapping[str, Any]) -> DagRow:
        """Read a Dag."""
        stale = row.get("is_stale")
        return DagRow(
            self.text(row, "dag_id"),
            bool(row.get("is_paused")),
            bool(not row.get("is_active") if stale is None else stale),
            row.get("timetable_description") != _UNSCHEDULED,
            file_of(row.get("bundle_name"), row.get("relative_fileloc") or row.get("fileloc")),
        )

    def task(self, row: Mapping[str, Any]) -> TaskRow:
        """Read a task instance."""
        map_index, rendered = row.get("map_index"), row.get("rendered_fields")
        return TaskRow(
            self.text(row, "dag_id"),
            self.text(row, "dag_run_id"),
            self.text(row, "task_id"),
            map_index if isinstance(map_index, int) else -1,
            str(row.get("state") or ""),
            self.time(row, "start_date"),
            str(row.get("operator") or ""),
            str(rendered.get("external_dag_id") or "") if isinstance(rendered, Mapping) else "",
        )

    def text(self, row: Mapping[str, Any], name: str) -> str:
        """Return a required text."""
        value = row.get(name)
        if not isinstance(value, str) or not value:
            raise malformed(self._operation, self._settings, f"has a row without {name!r}")
        return value

    def time(self, row: Mapping[str, Any], name: str) -> datetime | None:
        """Return a time, or None."""
        value = row.get(name)
        if not value:
            return None
        try:
            moment = read_time(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise malformed(self._operation, self._settings, f"has a {name!r} that is not a time")
        return moment


def file_of(bundle: object, file: object) -> str:
    """Return the name of a Dag file: bundle and file on Airflow 3, the path on Airflow 2."""
    return f"{bundle}:{file}" if bundle else str(file or "")


def last_line(trace: object) -> str:
    """Return the last line of a traceback, cut to 200 characters."""
    lines = [line.strip() for line in str(trace or "").splitlines() if line.strip()]
    line = lines[-1] if lines else "no message"
    return line if len(line) <= _LONGEST_ERROR else f"{line[:_LONGEST_ERROR]}…"
