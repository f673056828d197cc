# SPDX-License-Identifier: Apache-2.0
"""The trigger that brings a Deployment to rest asks, before each look, whether it still may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.drain.draining import DrainOrder, Held
from airflow_rollback_provider.triggers.prepare import RestTrigger
from tests.support.fake_airflow import FakeAirflow, serving
from tests.support.paused import DictPaused, remembering
from tests.support.task_run import first_event, restored

CONN = "airflow_api_default"
RUN = ("remedy", "run")
OTHER = ("remedy", "another run")


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> DictPaused:
    """What the trigger reads."""
    return remembering(monkeypatch)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    """An Airflow with two Dags, the first of which is paused already."""
    monkeypatch.setattr("airflow_rollback_provider.domain.poll_backoff.FIRST_DELAY", 0.02)
    with serving(FakeAirflow()) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API_DEFAULT", fake.connection())
        fake.add_dag("a", is_paused=True)
        fake.add_dag("b")
        yield fake


def trigger() -> RestTrigger:
    """One that pauses both Dags."""
    return restored(RestTrigger(CONN, DrainOrder(("a", "b"), (*RUN, "prepare"), 4e9, 0.02).to_dict()))


async def test_what_its_run_holds(airflow: FakeAirflow, paused: DictPaused) -> None:
    """It pauses that, and no Dag that is not remembered."""
    paused.keep(CONN, Held(RUN, ("a",)))
    assert (await first_event(trigger()))["rest"]["drained"]
    assert airflow.paused() == {"a"}
    paused.keep(CONN, Held(RUN, ("a", "b")))
    assert (await first_event(trigger()))["rest"]["drained"]
    assert airflow.paused() == {"a", "b"}


@pytest.mark.parametrize(
    ("held", "left"),
    [
        (None, set()),
        (Held(RUN, ("a", "b"), restoring=True), set()),
        (Held(OTHER, ("a", "b")), {"a"}),
        (Held(OTHER, ("b",)), set()),
    ],
)
async def test_what_its_run_holds_no_more(
    airflow: FakeAirflow, paused: DictPaused, held: Held | None, left: set[str]
) -> None:
    """It pauses nothing, lets run what nobody else holds, and says so."""
    if held is not None:
        paused.keep(CONN, held)
    event = await first_event(trigger())
    assert event["rest"]["drained"] is False
    assert "not this run's to pause any more" in event["rest"]["message"]
    assert airflow.paused() == left
    assert not [line for line in airflow.requests if line.startswith("PATCH") and "dags/b" in line]
