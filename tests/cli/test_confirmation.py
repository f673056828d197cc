# SPDX-License-Identifier: Apache-2.0
"""The confirmation before anything is submitted."""

from __future__ import annotations

import io

import pytest

from airflow_rollback_provider.cli.commands.roll_back import NotConfirmed, require_confirmation
from airflow_rollback_provider.cli.console import Console
from airflow_rollback_provider.domain.errors import AcknowledgementMissing
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.sandbox.process import SandboxProcess


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def _console(answer: str | None) -> Console:
    """Return a console with an answer on its terminal; None: without a terminal."""
    if answer is None:
        return Console(io.StringIO(), io.StringIO(), io.StringIO())
    return Console(io.StringIO(), Terminal(), Terminal(answer))


@pytest.fixture
def plan(platform: SandboxProcess) -> RollbackPlan:
    """A plan within Airflow 3."""
    return DeployHistoryHook().plan(platform.deployment("image-af3")["id"])


@pytest.fixture
def crossing(platform: SandboxProcess) -> RollbackPlan:
    """A plan from Airflow 3 to Airflow 2."""
    return DeployHistoryHook().plan(platform.deployment("moved-to-af3")["id"], "airflow:2")


def test_yes_is_the_only_yes(plan: RollbackPlan) -> None:
    """A plan within one major version is confirmed with the word yes."""
    require_confirmation(plan, _console("yes\n"), acknowledged=False, yes=False)


@pytest.mark.parametrize("answer", ["", "\n", "y\n", "no\n", "Billing\n"])
def test_anything_else_is_no(plan: RollbackPlan, answer: str) -> None:
    """The end of input counts as no, too."""
    with pytest.raises(NotConfirmed):
        require_confirmation(plan, _console(answer), acknowledged=False, yes=False)


def test_from_airflow_3_to_2_the_name_has_to_be_typed(crossing: RollbackPlan) -> None:
    """The word yes is not enough."""
    require_confirmation(crossing, _console(f"{crossing.deployment.name}\n"), acknowledged=True, yes=False)
    with pytest.raises(NotConfirmed):
        require_confirmation(crossing, _console("yes\n"), acknowledged=True, yes=False)


def test_the_loss_has_to_be_acknowledged_even_with_yes(crossing: RollbackPlan) -> None:
    """--yes skips the question, not the acknowledgement; the error lists what would be lost."""
    with pytest.raises(AcknowledgementMissing, match=r"(?s)erased.*--acknowledge-airflow-3-to-2"):
        require_confirmation(crossing, _console(None), acknowledged=False, yes=True)
    require_confirmation(crossing, _console(None), acknowledged=True, yes=True)
