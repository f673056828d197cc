# SPDX-License-Identifier: Apache-2.0
"""The trigger that drains a Deployment checks before each poll that its run still holds the drain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.drain.drain import DrainRequest, PausedDags
from airflow_rollback_provider.triggers.drain import DrainTrigger
from tests.support.fake_airflow import FakeAirflow, serving
from tests.support.paused import DictPaused, remembering
from tests.support.task_run import first_event, restored

CONN = "airflow_api_default"
RUN = ("remedy", "run")
OTHER = ("remedy", "another run")


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """The stored paused Dags that the trigger reads."""
    return remembering(monkeypatch)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    """An Airflow with two Dags, the first of which is paused already."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poller.FIRST_DELAY", 0.02)
    with serving(FakeAirflow()) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", fake.connection())
        fake.add_dag("a", is_paused=True)
        fake.add_dag("b")
        yield fake


def trigger() -> DrainTrigger:
    """One that pauses both Dags."""
    return restored(DrainTrigger(CONN, DrainRequest(("a", "b"), (*RUN, "prepare"), 4e9, 0.02).to_dict()))


async def test_what_its_run_holds(airflow: FakeAirflow, paused: DictPaused) -> None:
    """It pauses the stored Dags and no other."""
    paused.keep(CONN, PausedDags(RUN, ("a",)))
    assert (await first_event(trigger()))["drained"]["drained"]
    assert airflow.paused() == {"a"}
    paused.keep(CONN, PausedDags(RUN, ("a", "b")))
    assert (await first_event(trigger()))["drained"]["drained"]
    assert airflow.paused() == {"a", "b"}


@pytest.mark.parametrize(
    ("paused_dags", "left"),
    [
        (None, set()),
        (PausedDags(RUN, ("a", "b"), resuming=True), set()),
        (PausedDags(OTHER, ("a", "b")), {"a"}),
        (PausedDags(OTHER, ("b",)), set()),
    ],
)
async def test_what_its_run_holds_no_more(
    airflow: FakeAirflow, paused: DictPaused, paused_dags: PausedDags | None, left: set[str]
) -> None:
    """It pauses nothing, resumes the Dags that no other run holds, and reports it."""
    if paused_dags is not None:
        paused.keep(CONN, paused_dags)
    event = await first_event(trigger())
    assert event["drained"]["drained"] is False
    assert "may no longer pause" in event["drained"]["message"]
    assert airflow.paused() == left
    assert not [line for line in airflow.requests if line.startswith("PATCH") and "dags/b" in line]
