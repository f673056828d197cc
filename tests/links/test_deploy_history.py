# SPDX-License-Identifier: Apache-2.0
"""The link to the deploy history."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.links import deploy_history
from airflow_rollback_provider.links.deploy_history import DeployHistoryLink
from tests.support.task_run import TaskInstance

URL = "https://app.example.com/d/one/deploy-history"


def read_from(ti: TaskInstance, monkeypatch: pytest.MonkeyPatch) -> str:
    """Resolve the link, the task instance's own dictionary in the place of the metadata database."""

    class FromTaskInstance:
        @staticmethod
        def get_value(*, key: str, ti_key: Any) -> Any:
            return ti_key.xcom.get(key)

    monkeypatch.setattr(deploy_history, "XCom", FromTaskInstance)
    return DeployHistoryLink().get_link(None, ti_key=ti)


def test_leads_to_the_stored_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name by which Airflow 3 reads links; it writes it itself only when the task ends normally."""
    ti = TaskInstance()
    DeployHistoryLink.store({"ti": ti}, URL)
    assert list(ti.xcom) == [DeployHistoryLink().xcom_key] == ["_link_DeployHistoryLink"]
    assert read_from(ti, monkeypatch) == URL


def test_a_link_that_cannot_be_stored_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The rollback matters more: what went wrong is logged."""

    class Broken(TaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise ConnectionError("database is away")

    DeployHistoryLink.store({"ti": Broken()}, URL)
    assert "database is away" in caplog.text


@pytest.mark.parametrize("url", [None, ""])
def test_leads_nowhere_without_an_address(url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the platform's page is not known, nothing is stored and no link is shown."""
    ti = TaskInstance()
    DeployHistoryLink.store({"ti": ti}, url)
    assert ti.xcom == {}
    assert read_from(ti, monkeypatch) == ""
