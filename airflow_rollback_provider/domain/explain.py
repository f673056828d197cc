# SPDX-License-Identifier: Apache-2.0
"""A plan in words, as a person wants to read it in a log or a terminal."""

from __future__ import annotations

from datetime import timezone
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.idempotency import without_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_rollback_provider.domain.compatibility import PlanWarning
    from airflow_rollback_provider.domain.consequences import Change
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan


def explain(plan: RollbackPlan) -> str:
    """Write a plan in words: what speaks against it and what it costs first, details after."""
    return "\n".join(_lines(plan))


def describe_deploy(deploy: Deploy) -> str:
    """Write a deploy in one line."""
    author = f" by {deploy.created_by}" if deploy.created_by else ""
    reason = " ".join(without_tag(deploy.description).split())
    quoted = f", “{reason}”" if reason else ""
    made = deploy.created_at.astimezone(timezone.utc)
    return f"{deploy.id}, {made:%Y-%m-%d %H:%M} UTC{author}, {deploy.versions}{quoted}"


def _lines(plan: RollbackPlan) -> Iterator[str]:
    yield f"Rollback plan for {plan.deployment} on {plan.platform}"
    yield f"  from    {describe_deploy(plan.current)}"
    yield f"  to      {describe_deploy(plan.target)}"
    yield f"          asked for: {plan.requested}"
    yield f"  scope   {plan.scope}"
    yield f"  verdict {'allowed' if plan.allowed else 'REFUSED'}"
    if plan.verdict.allowed:
        yield f"          versions: {plan.verdict.code}: {plan.verdict.reason}"
    yield from _block("Failed checks", map(str, plan.failed_checks))
    yield from _block("Warnings", map(_warning, plan.warnings))
    yield from _block("Changes", map(_change, plan.changes))
    yield from _block("Rolled back", plan.rolled_back)
    yield from _block("Not rolled back", plan.not_rolled_back)
    yield from _block("Permissions", plan.permissions)
    yield from _block(f"Limits of {plan.platform}", plan.platform_limits)
    if plan.allowed:
        yield f"To undo: {plan.undo}"


def _warning(warning: PlanWarning) -> str:
    return f"(!) {warning.message}" if warning.severe else warning.message


def _change(change: Change) -> str:
    return f"{change.what}: {change.before} → {change.after}"


def _block(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"  - {item}" for item in items]
    if lines:
        yield f"{title}:"
        yield from lines
