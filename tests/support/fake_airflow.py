# SPDX-License-Identifier: Apache-2.0
"""The pages of Airflow's REST API that this package requests, v1 or v2, over real HTTP.

It is for behaviour that a real Airflow shows slowly or not on demand. ``tests/airflow/health`` sends the same
requests to real ones.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LOGIN, PASSWORD = "evaluate", "pa55word-of-health"
TOKEN = "t0ken-of-health"
UNSCHEDULED = "Never, external triggers only"
MOST_ROWS = 100


@dataclass
class FakeAirflow:
    """An Airflow. Rows have the fields of the real API, without those that are not read.

    :param version: Airflow's version; its major version decides which API answers.
    """

    version: str = "3.3.2"
    runs: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    dags: list[dict[str, Any]] = field(default_factory=list)
    import_errors: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    components: dict[str, str | None] = field(
        default_factory=lambda: {"metadatabase": "healthy", "scheduler": "healthy", "triggerer": None}
    )
    faults: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    token: str = TOKEN
    sessions: int = 0
    session: str = ""
    url: str = ""

    @property
    def api(self) -> str:
        """The path of its API."""
        return "/api/v1" if self.version.startswith("2") else "/api/v2"

    def connection(self, **extra: Any) -> str:
        """A connection with login and password, as the value of an environment variable."""
        return json.dumps({
            "conn_type": "airflow_api",
            "host": self.url,
            "login": LOGIN,
            "password": PASSWORD,
            "extra": extra,
        })

    def connection_with_token(self) -> str:
        """A connection with a token and no login."""
        return json.dumps({"conn_type": "airflow_api", "host": self.url, "password": self.token})

    # -- rows ---------------------------------------------------------------------------------

    def add_dag(self, dag_id: str, file: str | None = None, **values: Any) -> None:
        """Add a Dag with a schedule."""
        file = file or f"{dag_id}.py"
        where = (
            {"fileloc": f"/dags/{file}", "is_active": True}
            if self.api == "/api/v1"
            else {
                "fileloc": f"/dags/{file}",
                "relative_fileloc": file,
                "bundle_name": "dags-folder",
                "is_stale": False,
            }
        )
        self.dags.append({
            "dag_id": dag_id,
            "is_paused": False,
            "timetable_description": "Every hour",
            **where,
            **values,
        })

    def add_runs(self, dag_id: str, times: list[datetime], state: str = "success", **values: Any) -> None:
        """Add runs of a Dag, each with its end at its start."""
        for time in times:
            self.runs.append({
                "dag_id": dag_id,
                "dag_run_id": f"scheduled__{len(self.runs)}",
                "run_type": "scheduled",
                "state": state,
                "start_date": time.isoformat(),
                "end_date": None if state == "running" else time.isoformat(),
                **values,
            })

    def add_task(self, dag_id: str, state: str, task_id: str = "t", **values: Any) -> None:
        """Add a task instance."""
        self.tasks.append({
            "dag_id": dag_id,
            "dag_run_id": "r",
            "task_id": task_id,
            "map_index": -1,
            "state": state,
            "start_date": "2026-11-01T00:00:00+00:00",
            "operator": "BashOperator",
            **values,
        })

    def add_import_error(self, file: str, trace: str = "Traceback\n  …\nSyntaxError: bad\n") -> None:
        """Add an import error of a file."""
        named = (
            {"filename": f"/dags/{file}"}
            if self.api == "/api/v1"
            else {"filename": file, "bundle_name": "dags-folder"}
        )
        self.import_errors.append({"import_error_id": len(self.import_errors), "stack_trace": trace, **named})

    def paused(self) -> set[str]:
        """The Dags that are paused."""
        return {dag["dag_id"] for dag in self.dags if dag["is_paused"]}

    def change_to(self, version: str) -> None:
        """Change the version and keep the Dags."""
        dags, self.dags, self.version = self.dags, [], version
        for dag in dags:
            known = ("is_paused", "timetable_description")
            file = dag["fileloc"].removeprefix("/dags/")
            self.add_dag(dag["dag_id"], file, **{name: dag[name] for name in known})

    # -- answers ---------------------------------------------------------------------------------------

    def answer(self, method: str, url: str, header: str, body: Any) -> tuple[int, Any]:
        """Answer one request."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        self.requests.append(f"{method} {url}")
        if self.faults:
            return self.faults.pop(0), {"title": "fault", "detail": f"injected by {TOKEN}"}
        if path == f"{self.api}/version":
            return 200, {"version": self.version, "git_version": None}
        if path == "/auth/token" and self.api == "/api/v2":
            return self._log_in(body)
        if not path.startswith(f"{self.api}/"):
            return 404, {"detail": "Not Found"}
        if not self._authorised(header):
            return (403, {"title": "Forbidden"}) if self.api == "/api/v1" else (401, {"detail": "no"})
        return self.page(method, unquote(path.removeprefix(self.api)), query, body)

    def _log_in(self, body: Any) -> tuple[int, Any]:
        if body != {"username": LOGIN, "password": PASSWORD}:
            return 401, {"detail": "Invalid credentials"}
        self.sessions += 1
        self.session = f"session-{self.sessions}-of-health"
        return 201, {"access_token": self.session}

    def _authorised(self, header: str) -> bool:
        basic = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        if self.api == "/api/v1":
            return header in (f"Basic {basic}", f"Bearer {self.token}")
        return header in (f"Bearer {self.token}", f"Bearer {self.session}", self.token)

    def page(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path in ("/health", "/monitor/health"):
            return 200, {name: {"status": status} for name, status in self.components.items()}
        if path == "/importErrors":
            return 200, _slice("import_errors", self.import_errors, query)
        if path == "/dags":
            return 200, _slice("dags", self._dags(query), query)
        if path == "/dags/~/dagRuns":
            return 200, _slice("dag_runs", self.find_runs(_single(query)), query)
        if path == "/dags/~/dagRuns/list":
            return 200, _slice("dag_runs", self.find_runs(body), _of_body(body))
        if path == "/dags/~/dagRuns/~/taskInstances":
            return 200, _slice("task_instances", self.find_tasks({"state": query.get("state")}), query)
        if path == "/dags/~/dagRuns/~/taskInstances/list":
            return 200, _slice("task_instances", self.find_tasks(body), _of_body(body))
        if path.startswith("/dagSources/"):
            return 200, {"content": self.sources.get(path.removeprefix("/dagSources/"), "")}
        if method == "PATCH" and path.startswith("/dags/"):
            return self.patch(path.removeprefix("/dags/"), body)
        return 404, {"detail": "Not Found"}

    def _dags(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        if query.get("only_active", query.get("exclude_stale")) == ["false"]:
            return self.dags
        return [dag for dag in self.dags if dag.get("is_active", not dag.get("is_stale"))]

    def find_runs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        rows = [run for run in self.runs if run["dag_id"] in (wanted.get("dag_ids") or [run["dag_id"]])]
        first, last = wanted.get("start_date_gte"), wanted.get("start_date_lte")
        rows = [run for run in rows if first is None or _time(run) >= datetime.fromisoformat(first)]
        rows = [run for run in rows if last is None or _time(run) <= datetime.fromisoformat(last)]
        updated = wanted.get("updated_at_gte")
        rows = [run for run in rows if updated is None or _updated(run) >= datetime.fromisoformat(updated)]
        order = wanted.get("order_by", "id")
        return sorted(rows, key=_time, reverse=order.startswith("-")) if "start_date" in order else rows

    def find_tasks(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        keys = {"dag_ids": "dag_id", "dag_run_ids": "dag_run_id", "state": "state"}
        return [
            task
            for task in self.tasks
            if all(task[key] in wanted[name] for name, key in keys.items() if wanted.get(name))
        ]

    def patch(self, dag_id: str, body: Any) -> tuple[int, Any]:
        for dag in self.dags:
            if dag["dag_id"] == dag_id:
                dag["is_paused"] = body["is_paused"]
                return 200, dag
        return 404, {"detail": "The Dag was not found"}


def _time(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["start_date"])


def _updated(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["end_date"] or run["start_date"])


def _single(query: dict[str, list[str]]) -> dict[str, Any]:
    return {name: values[0] for name, values in query.items()}


def _of_body(body: dict[str, Any]) -> dict[str, list[str]]:
    return {"limit": [str(body.get("page_limit", 100))], "offset": [str(body.get("page_offset", 0))]}


def _slice(key: str, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    offset = int(query.get("offset", ["0"])[0])
    limit = min(int(query.get("limit", ["100"])[0]), MOST_ROWS)
    return {key: rows[offset : offset + limit], "total_entries": len(rows)}


@contextlib.contextmanager
def serving(airflow: FakeAirflow) -> Iterator[FakeAirflow]:
    """Serve it on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(airflow))
    server.daemon_threads = True
    airflow.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield airflow
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(airflow: FakeAirflow) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body go out apart: the second would wait 40 ms

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            header = self.headers.get("authorization", "")
            with lock:
                status, value = airflow.answer(
                    self.command, self.path, header, json.loads(body) if body else None
                )
            text = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return Handler
