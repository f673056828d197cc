# SPDX-License-Identifier: Apache-2.0
"""The trigger that checks pods yields one event, whatever happens; the event keeps the error's class."""

from __future__ import annotations

import json
import time
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from airflow_rollback_provider.domain.errors import AccessDenied, PermissionMissing
from airflow_rollback_provider.pods.cluster import Release
from airflow_rollback_provider.pods.report import PodsOutcome
from airflow_rollback_provider.triggers import pods
from airflow_rollback_provider.triggers.pods import PodsTrigger
from tests.support.task_run import first_event, restored


def trigger(conn_id: str = "some_cluster") -> PodsTrigger:
    """A trigger that has no time to lose."""
    release = Release("somewhere", "orders").to_dict()
    return PodsTrigger(conn_id, False, release, 0.0, 0.1, time.time() + 1.0, by_chance=True)


async def outcome(conn_id: str = "some_cluster") -> PodsOutcome:
    """Run a trigger, sent through the database, to its event."""
    return PodsOutcome.from_dict(await first_event(restored(trigger(conn_id))))


def test_the_database_keeps_everything() -> None:
    """The database keeps the arguments, and that no connection was named."""
    kept = restored(trigger())
    assert kept.serialize() == restored(kept).serialize()
    assert kept.by_chance


async def test_no_way_to_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The triggerer may lack what the task had; no retry brings it."""
    extra = {"kube_config_path": str(tmp_path / "none")}
    connection = json.dumps({"conn_type": "kubernetes", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_SOME_CLUSTER", connection)
    ended = await outcome()
    assert ended.refusal == "NoClusterAccess"
    assert "no access to a Kubernetes cluster" in str(ended.problem)


@pytest.mark.parametrize(
    ("error", "kind"), [(PermissionMissing("may not"), AccessDenied), (KeyError("a bug"), type(None))]
)
async def test_what_ended_the_wait(monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type) -> None:
    """A refusal is reported as one; an unexpected error may be cured by a retry."""
    cluster = MagicMock()
    cluster.return_value.__aenter__.side_effect = error
    monkeypatch.setattr(pods, "AsyncCluster", cluster)
    assert type((await outcome()).refused()) is kind
