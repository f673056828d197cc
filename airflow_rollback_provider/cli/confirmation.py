# SPDX-License-Identifier: Apache-2.0
"""Agreement before anything is submitted: losses accepted in so many words, the plan confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.errors import AcknowledgementMissing, BadInput, RollbackRefused

if TYPE_CHECKING:
    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.plan import RollbackPlan

ACKNOWLEDGE = "--acknowledge-airflow-3-to-2"


class NotConfirmed(RollbackRefused):
    """The person who was asked did not agree."""


def require_confirmation(plan: RollbackPlan, console: Console, *, acknowledged: bool, yes: bool) -> None:
    """Return if the plan may be carried out and everyone who must agree has agreed.

    :param acknowledged: whether the loss of going from Airflow 3 to 2 was accepted on the command line.
    :param yes: whether to go without a question.
    :raises PlanRefused: when a check failed.
    :raises AcknowledgementMissing: when a loss has to be accepted and was not.
    :raises NotConfirmed: when the person says anything but yes.
    :raises BadInput: when there is nobody to ask.
    """
    plan.require_allowed()
    if plan.needs_acknowledgement and not acknowledged:
        losses = "".join(f"\n- {warning.message}" for warning in plan.warnings if warning.severe)
        raise AcknowledgementMissing(
            f"The rollback of {plan.deployment} to deploy {plan.target.id} goes from Airflow 3 to Airflow 2. "
            f"Nothing was submitted. What would be lost:{losses}\nTo accept that, add {ACKNOWLEDGE}."
        )
    if not yes:
        _confirm(plan, console)


def _confirm(plan: RollbackPlan, console: Console) -> None:
    if not console.can_ask:
        raise BadInput("There is no terminal to ask on. Nothing was submitted. Add --yes to go without.")
    expected = plan.deployment.name if plan.needs_acknowledgement else "yes"
    question = (
        f"This goes from Airflow 3 to Airflow 2. Type the Deployment's name ({expected}) to roll it back: "
        if plan.needs_acknowledgement
        else f"Roll {plan.deployment} back? Type yes: "
    )
    if console.ask(question) != expected:
        raise NotConfirmed("Not confirmed. Nothing was submitted.")
