# SPDX-License-Identifier: Apache-2.0
"""Versions, logins, pages and failures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.airflow_api import api as asking
from airflow_rollback_provider.domain.errors import (
    MalformedAnswer,
    PermissionMissing,
    PlatformError,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    RollbackError,
    TokenRefused,
    TooMuchToRead,
)
from tests.airflow_api.talking import Talker, connection, of_fake
from tests.support.fake_airflow import TOKEN, FakeAirflow, serving

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def test_the_version_is_found_out_once(airflow: FakeAirflow) -> None:
    """By asking for the newer API first; later questions go straight to the one that answers."""
    talker = Talker(of_fake(airflow))
    version = talker.run(talker.api.version())
    assert (version.api, version.airflow) == (airflow.api.removeprefix("/api/"), airflow.version)
    assert version.airflow_series == tuple(int(part) for part in airflow.version.split(".")[:2])
    talker.run(talker.api.components())
    talker.run(talker.api.components())
    assert sum(line.endswith("/version") for line in airflow.requests) == (2 if version.api == "v1" else 1)


def test_a_version_that_is_given_is_not_looked_for(airflow: FakeAirflow) -> None:
    """And where it is not the right one, the error says so."""
    name = airflow.api.removeprefix("/api/")
    talker = Talker(of_fake(airflow, extra={"api_version": name}))
    talker.run(talker.api.version())
    assert airflow.requests == [f"GET {airflow.api}/version"]
    wrong = Talker(of_fake(airflow, extra={"api_version": "v1" if name == "v2" else "v2"}))
    with pytest.raises(PlatformFailed, match="No REST API of Airflow answers"):
        wrong.run(wrong.api.version())


@pytest.mark.parametrize(
    "fields",
    [{}, {"login": None, "password": TOKEN}],
    ids=["login", "token"],
)
def test_who_asks(airflow: FakeAirflow, fields: dict[str, Any]) -> None:
    """Login and password, or a token: on Airflow 3 the first is exchanged for a session, once."""
    talker = Talker(of_fake(airflow, **fields))
    assert talker.run(talker.api.check()).startswith(f"Airflow {airflow.version} answers at {airflow.url} ")
    talker.run(talker.api.components())
    assert airflow.sessions == (1 if not fields and airflow.api == "/api/v2" else 0)


def test_a_token_without_a_word_before_it() -> None:
    """As some platforms want it."""
    with serving(FakeAirflow()) as airflow:
        talker = Talker(of_fake(airflow, login=None, password=TOKEN, extra={"auth_scheme": "none"}))
        talker.run(talker.api.components())


def test_a_session_that_has_ended() -> None:
    """It is replaced in the middle of things."""
    with serving(FakeAirflow()) as airflow:
        talker = Talker(of_fake(airflow))
        talker.run(talker.api.components())
        airflow.session = "another one"
        assert talker.run(talker.api.components())["scheduler"] == "healthy"
        assert airflow.sessions == 2


@pytest.mark.parametrize("fields", [{}, {"login": None}], ids=["login", "token"])
def test_a_wrong_password(airflow: FakeAirflow, fields: dict[str, Any]) -> None:
    """It is refused, not tried again and again, and not repeated in the error."""
    talker = Talker(of_fake(airflow, password="mi55taken", **fields))
    kind = PermissionMissing if airflow.api == "/api/v1" else TokenRefused  # what each line says of it
    with pytest.raises(kind, match="password") as caught:
        talker.run(talker.api.components())
    assert "mi55taken" not in str(caught.value)
    assert talker.pauses == []


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, MalformedAnswer, 1),
        (403, PermissionMissing, 1),
        (404, PlatformFailed, 1),
        (422, MalformedAnswer, 1),
        (429, RateLimited, 4),
        (500, PlatformFailed, 4),
        (503, PlatformFailed, 4),
    ],
)
def test_failures(airflow: FakeAirflow, status: int, kind: type[RollbackError], tries: int) -> None:
    """What may pass is tried again; the error names the Airflow, the status, what it said, and no secret."""
    talker = Talker(of_fake(airflow, password=TOKEN, login=None))
    talker.run(talker.api.version())
    before = len(airflow.requests)
    airflow.faults += [status] * tries
    with pytest.raises(kind, match=f"{airflow.url}.*HTTP {status}.*injected by") as caught:
        talker.run(talker.api.components())
    assert len(airflow.requests) - before == tries
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("after", ["3.3.2", "2.11.2"])
def test_another_version_takes_over(airflow: FakeAirflow, after: str) -> None:
    """Once a page was missing, the next question finds out anew what answers and logs in there."""
    talker = Talker(of_fake(airflow))
    airflow.add_dag("a")
    assert talker.run(talker.api.dags())
    if airflow.version == after:
        airflow.faults.append(405)
    airflow.change_to(after)
    airflow.session = ""
    with pytest.raises(PlatformError):
        talker.run(talker.api.dags())
    asked = len(airflow.requests)
    assert [dag.dag_id for dag in talker.run(talker.api.dags())] == ["a"]
    assert talker.run(talker.api.version()).airflow == after
    assert airflow.requests[asked] == "GET /api/v2/version"
    assert talker.pauses == []


def test_a_session_that_ends_as_another_version_takes_over() -> None:
    """Where nobody can log in any more, the next question finds out anew as well."""
    with serving(FakeAirflow()) as airflow:
        talker = Talker(of_fake(airflow))
        talker.run(talker.api.version())
        airflow.change_to("2.11.2")
        with pytest.raises(PlatformFailed, match="'log in'"):
            talker.run(talker.api.dags())
        assert talker.run(talker.api.dags()) == ()


def test_what_stays_missing_is_not_asked_for_again_and_again(airflow: FakeAirflow) -> None:
    """A question fails after one request, and finding out what answers takes few."""
    talker = Talker(of_fake(airflow))
    for _ in range(3):
        before = len(airflow.requests)
        with pytest.raises(PlatformFailed, match="HTTP 404"):
            talker.run(talker.api.set_paused("gone", True))
        assert len(airflow.requests) - before == 3  # version twice, or version and login


def test_an_outage_that_passes(airflow: FakeAirflow) -> None:
    """Reads are tried again."""
    talker = Talker(of_fake(airflow))
    airflow.faults += [503, 502]
    assert talker.run(talker.api.components())
    assert len(talker.pauses) == 2


def test_nobody_there() -> None:
    """The error names the Airflow, not the platform."""
    talker = Talker(connection(host="http://127.0.0.1:9"))
    with pytest.raises(PlatformUnreachable, match=r"The Airflow at 127\.0\.0\.1:9"):
        talker.run(talker.api.components())


def test_pages(airflow: FakeAirflow) -> None:
    """A list is read to its end, each row once."""
    airflow.add_runs("a", [NOW + timedelta(seconds=number) for number in range(250)])
    talker = Talker(of_fake(airflow))
    runs = talker.run(talker.api.runs(NOW, NOW + DAY))
    assert len({run.run_id for run in runs}) == 250
    assert sum("/dagRuns?" in line for line in airflow.requests) == 3


def test_more_than_can_be_read(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and the Airflow are spared."""
    monkeypatch.setattr(asking, "MOST_ROWS", 150)
    airflow.add_runs("a", [NOW] * 201)
    talker = Talker(of_fake(airflow))
    with pytest.raises(TooMuchToRead, match="201 rows"):
        talker.run(talker.api.runs(NOW, NOW + DAY))


def test_something_else_answers(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without what was asked for is told by its name."""
    talker = Talker(of_fake(airflow))
    talker.run(talker.api.version())
    monkeypatch.setattr(airflow, "_page", lambda *_: (200, {"html": "Welcome"}))
    for flow in (talker.api.runs(NOW, NOW + DAY), talker.api.dags(), talker.api.import_errors()):
        with pytest.raises(MalformedAnswer, match="check the connection's host"):
            talker.run(flow)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"dag_id": "a"}, "dag_run_id"),
        (
            {"dag_id": "a", "dag_run_id": "r", "run_type": "scheduled", "state": "s", "start_date": "x"},
            "start_date",
        ),
    ],
)
def test_rows_that_cannot_be_read(airflow: FakeAirflow, row: dict[str, Any], problem: str) -> None:
    """A missing field is named."""
    talker = Talker(of_fake(airflow))
    airflow._runs = lambda _: [row]  # type: ignore[method-assign]
    with pytest.raises(MalformedAnswer, match=problem):
        talker.run(talker.api.runs(NOW, NOW + DAY))
