# SPDX-License-Identifier: Apache-2.0
"""A client of an Airflow's REST API, for Airflow 2 and 3. Its methods return flows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from airflow_rollback_provider.airflow_api.api import MOST_ROWS, Api, ApiVersion, malformed
from airflow_rollback_provider.domain.arguments import read_time
from airflow_rollback_provider.domain.runs import DagRow, DagRun, ImportProblem, TaskRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_rollback_provider.airflow_api.settings import ApiSettings
    from airflow_rollback_provider.http.messages import Flow

T = TypeVar("T")

_RUNS = "/dags/~/dagRuns"
_RUNS_PER_REQUEST = 50
# Timetable description of a Dag without a schedule, on Airflow 2 and 3.
_UNSCHEDULED = "Never, external triggers only"
_LONGEST_ERROR = 200


class AirflowApi:
    """An Airflow.

    Every flow may raise :class:`AccessDenied` and :class:`PlatformError`.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._api = Api(settings)

    @property
    def address(self) -> str:
        return self._settings.base

    def version(self) -> Flow[ApiVersion]:
        return (yield from self._api.version())

    def check(self) -> Flow[str]:
        """Check that Airflow answers and accepts the credentials; return the result as a sentence."""
        version = yield from self._api.version()
        yield from self._api.get("import errors", "/importErrors", [("limit", 1)])
        yield from self._api.get("Dag runs", _RUNS, [("limit", 1)])
        return f"Airflow {version.airflow} answers at {self.address} (REST API {version.api})."

    def components(self) -> Flow[dict[str, str]]:
        """Read the health of Airflow's components in its own words, without those that it does not run."""
        version = yield from self._api.version()
        path = "/health" if version.api == "v1" else "/monitor/health"
        answer = yield from self._api.get("health", path)
        if not isinstance(answer, dict):
            raise malformed("health", self._settings, "has no components")
        statuses = {name: part.get("status") for name, part in answer.items() if isinstance(part, dict)}
        return {name: str(status) for name, status in statuses.items() if status}

    def runs(
        self, since: datetime, until: datetime, *, updated_since: datetime | None = None
    ) -> Flow[tuple[DagRun, ...]]:
        """Read the Dag runs that started between two times, oldest first, of all types and in all states.

        :param updated_since: read only runs that began, ended or changed at this time or later.
        """
        updated = None if updated_since is None else updated_since.isoformat()
        more = [("order_by", "start_date"), ("updated_at_gte", updated)]  # new runs are added at the end
        rows = yield from self._api.rows("Dag runs", _RUNS, "dag_runs", [*_started(since, until), *more])
        return self._read_runs(rows)

    def latest_runs(self, since: datetime, until: datetime) -> Flow[tuple[tuple[DagRun, ...], datetime]]:
        """Read the latest Dag runs that started between two times, at most :data:`MOST_ROWS`.

        :return: the runs, and the time since which all runs are read.
        """
        params = [*_started(since, until), ("order_by", "-start_date")]
        rows = yield from self._api.rows("Dag runs", _RUNS, "dag_runs", params, cut=True)
        runs = self._read_runs(rows)
        oldest = runs[-1].started_at if len(rows) >= MOST_ROWS else None
        return runs, oldest or since

    def _read_runs(self, rows: Iterable[Mapping[str, Any]]) -> tuple[DagRun, ...]:
        reader = Reader("Dag runs", self._settings)
        return tuple({(run.dag_id, run.run_id): run for run in map(reader.run, rows)}.values())

    def failed_tasks(self, runs: Sequence[DagRun]) -> Flow[tuple[TaskRow, ...]]:
        """Read the failed tasks of some runs, those with a failed upstream task included."""
        found: list[TaskRow] = []
        for group in _in_groups(runs, _RUNS_PER_REQUEST):
            wanted = {(run.dag_id, run.run_id) for run in group}
            body = {
                "dag_ids": sorted({run.dag_id for run in group}),
                "dag_run_ids": sorted({run.run_id for run in group}),
                "state": ["failed", "upstream_failed"],
            }
            path = "/dags/~/dagRuns/~/taskInstances/list"
            rows = yield from self._api.rows_by_post("failed tasks", path, "task_instances", body)
            tasks = map(Reader("failed tasks", self._settings).task, rows)
            found += [task for task in tasks if (task.dag_id, task.run_id) in wanted]
        return tuple(found)

    def tasks(self, states: Iterable[str]) -> Flow[tuple[TaskRow, ...]]:
        """Read the task instances in one of some states."""
        params = [("state", state) for state in states]
        path = "/dags/~/dagRuns/~/taskInstances"
        rows = yield from self._api.rows("task instances", path, "task_instances", params)
        return tuple(map(Reader("task instances", self._settings).task, rows))

    def dags(self) -> Flow[tuple[DagRow, ...]]:
        """Read all Dags, stale ones included."""
        version = yield from self._api.version()
        stale = ("only_active", "false") if version.api == "v1" else ("exclude_stale", "false")
        rows = yield from self._api.rows("Dags", "/dags", "dags", [stale, ("order_by", "dag_id")])
        return tuple(map(Reader("Dags", self._settings).dag, rows))

    def import_errors(self) -> Flow[tuple[ImportProblem, ...]]:
        """Read the import errors of Dag files. The last runs of their Dags are not read."""
        rows = yield from self._api.rows("import errors", "/importErrors", "import_errors")
        return tuple(
            ImportProblem(
                file_of(row.get("bundle_name"), row.get("filename")), last_line(row.get("stack_trace"))
            )
            for row in rows
        )

    def source(self, dag_id: str) -> Flow[str]:
        """Read the source file of a Dag (Airflow 3 only)."""
        answer = yield from self._api.get("source", f"/dagSources/{quote(dag_id, safe='')}")
        return str(answer.get("content") or "") if isinstance(answer, dict) else ""

    def set_paused(self, dag_id: str, paused: bool) -> Flow[None]:
        """Pause or unpause a Dag; the request may be repeated."""
        operation = "pause" if paused else "unpause"
        path = f"/dags/{quote(dag_id, safe='')}"
        yield from self._api.send(
            operation, "PATCH", path, {"is_paused": paused}, [("update_mask", "is_paused")]
        )


def _started(since: datetime, until: datetime) -> list[tuple[str, str]]:
    return [("start_date_gte", since.isoformat()), ("start_date_lte", until.isoformat())]


def _in_groups(items: Sequence[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while group := list(islice(source, size)):
        yield group


class Reader:
    """Reads the rows of one Airflow.

    :param operation: name of the operation, for errors.
    :param settings: the Airflow's settings, for errors.
    """

    def __init__(self, operation: str, settings: ApiSettings) -> None:
        self._operation = operation
        self._settings = settings

    def run(self, row: Mapping[str, Any]) -> DagRun:
        return DagRun(
            self.text(row, "dag_id"),
            self.text(row, "dag_run_id"),
            self.text(row, "run_type"),
            self.text(row, "state"),
            self.time(row, "start_date"),
            self.time(row, "end_date"),
        )

    def dag(self, row: Mapping[str, Any]) -> DagRow:
        stale = row.get("is_stale")
        return DagRow(
            self.text(row, "dag_id"),
            bool(row.get("is_paused")),
            bool(not row.get("is_active") if stale is None else stale),
            row.get("timetable_description") != _UNSCHEDULED,
            file_of(row.get("bundle_name"), row.get("relative_fileloc") or row.get("fileloc")),
        )

    def task(self, row: Mapping[str, Any]) -> TaskRow:
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
        value = row.get(name)
        if not isinstance(value, str) or not value:
            raise malformed(self._operation, self._settings, f"has a row without {name!r}")
        return value

    def time(self, row: Mapping[str, Any], name: str) -> datetime | None:
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
