# SPDX-License-Identifier: Apache-2.0
"""Texts about plans and rollbacks: one paragraph for a chat message, or the whole plan for a log."""

from __future__ import annotations

from datetime import timezone
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.idempotency import without_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan

_LONGEST = 1200
_MOST_NAMED = 10
_MOST_NAMES = 5


def of_plan(plan: RollbackPlan) -> str:
    """Return the summary of a plan."""
    what = f"{plan.scope} of {plan.deployment} from deploy {plan.current.id} to {plan.target.id}"
    if not plan.allowed:
        against = " ".join(str(check) for check in plan.failed_checks)
        return paragraph(f"Rolling back the {what} is not possible: {against}")
    changes = "; ".join(f"{change.what} {change.before} → {change.after}" for change in plan.changes)
    severe = " ".join(warning.message for warning in plan.warnings if warning.severe)
    return paragraph(
        f"Planned: roll back the {what} on {plan.platform}. Changes: {changes or 'none known'}. {severe}"
    )


def of_submitted(result: Mapping[str, Any]) -> str:
    """Return the summary of a submitted rollback."""
    return paragraph(f"Rolling back {_what(result)}. {_reason(result)} Follow it: {result['history']}")


def of_done(result: Mapping[str, Any]) -> str:
    """Return the summary of a completed rollback."""
    undone_by = result.get("undone_by") or ""
    return paragraph(
        f"Rolled back {_what(result)}. {_reason(result)} {undone_by} History: {result['history']}"
    )


def of_failure(deployment: str, error: BaseException) -> str:
    """Return the summary of a rollback that was not submitted or did not succeed."""
    return paragraph(f"The rollback of Deployment {deployment} failed ({type(error).__name__}): {error}")


def of_fleet(
    total: int,
    done: int,
    problems: Sequence[str],
    left_out: Sequence[str],
    *,
    submitted: int = 0,
    planned: int = 0,
) -> str:
    """Return the summary of the rollbacks of a fleet.

    :param problems: one sentence for each failure.
    :param left_out: Deployments whose rollback was not started.
    :param submitted: number of rollbacks that were submitted without waiting.
    :param planned: number of rollbacks that were planned only.
    """
    texts = [f"{done} of {total} Deployments were rolled back."]
    if submitted:
        texts.append(f"The rollbacks of {submitted} were submitted and not waited for.")
    if planned:
        texts.append(f"{planned} were planned only.")
    if problems:
        texts.append(f"{len(problems)} failed: {_some(problems)}")
    if left_out:
        texts.append(f"{len(left_out)} were not started: {_some(left_out)}.")
    return paragraph(" ".join(texts))


def paragraph(text: str) -> str:
    """Put a text in one line and shorten it for a chat message."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


def some_of(names: Sequence[str]) -> str:
    """Return the first five of some names, with the number of the others."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _what(result: Mapping[str, Any]) -> str:
    scope = str(result["scope"]).replace("_", " ").replace("dags", "Dags")
    return (
        f"the {scope} of Deployment {result['deployment']} ({result['deployment_id']}) to deploy "
        f"{result['target_id']}, {result['to']}; the rollback is deploy {result['rollback_id']}"
    )


def _reason(result: Mapping[str, Any]) -> str:
    reason = str(result.get("description") or "").strip().rstrip(".")
    return f"Reason: {reason}." if reason else ""


def _some(texts: Sequence[str]) -> str:
    more = f" … and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return " · ".join(texts[:_MOST_NAMED]) + more


def explain(plan: RollbackPlan) -> str:
    """Return a plan as text: failed checks and warnings first, details after them."""
    return "\n".join(_lines(plan))


def describe_deploy(deploy: Deploy) -> str:
    """Return a deploy in one line."""
    author = f" by {deploy.created_by}" if deploy.created_by else ""
    reason = " ".join(without_tag(deploy.description).split())
    quoted = f", “{reason}”" if reason else ""
    made = deploy.created_at.astimezone(timezone.utc)
    return f"{deploy.id}, {made:%Y-%m-%d %H:%M} UTC{author}, {deploy.versions}{quoted}"


def _lines(plan: RollbackPlan) -> Iterator[str]:
    yield f"Rollback plan for {plan.deployment} on {plan.platform}"
    yield f"  from    {describe_deploy(plan.current)}"
    yield f"  to      {describe_deploy(plan.target)}"
    yield f"          requested: {plan.requested}"
    yield f"  scope   {plan.scope}"
    yield f"  verdict {'allowed' if plan.allowed else 'REFUSED'}"
    if plan.verdict.allowed:
        yield f"          versions: {plan.verdict.code}: {plan.verdict.reason}"
    yield from _block("Failed checks", map(str, plan.failed_checks))
    yield from _block(
        "Warnings", (f"{'(!) ' if item.severe else ''}{item.message}" for item in plan.warnings)
    )
    yield from _block("Changes", (f"{item.what}: {item.before} → {item.after}" for item in plan.changes))
    yield from _block("Rolled back", plan.rolled_back)
    yield from _block("Not rolled back", plan.not_rolled_back)
    yield from _block("Permissions", plan.permissions)
    yield from _block(f"Limits of {plan.platform}", plan.platform_limits)
    if plan.allowed:
        yield f"To undo: {plan.undo}"
        yield f"To keep it: {plan.undone_by}"


def _block(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"  - {item}" for item in items]
    if lines:
        yield f"{title}:"
        yield from lines
