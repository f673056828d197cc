# SPDX-License-Identifier: Apache-2.0
"""The log lines of a deploy or rollback in progress: a function of the deploy and the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.model import DEPLOYED, Deploy, Deployment, make_id
from airflow_rollback_provider.sandbox.versions import crosses_down, is_downgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

# A rollback that never ends still logs its steps. They are spread over this time.
_ENDLESS = timedelta(seconds=30)


@dataclass(frozen=True)
class LogLine:
    """One line, with its component."""

    id: str
    timestamp: datetime
    component: str
    message: str


def lines(deployment: Deployment, deploy: Deploy, now: datetime) -> Iterator[LogLine]:
    """Yield the lines of a deploy until now, oldest first."""
    ended = deploy.finishes_at
    spread = (ended - deploy.created_at) if ended is not None else _ENDLESS
    steps = _steps(deployment, deploy)
    for number, (component, message) in enumerate(steps):
        moment = deploy.created_at + spread * (number / len(steps))
        if moment <= now:
            yield LogLine(make_id("log", deploy.id, number), moment, component, message)
    if ended is not None and ended <= now:
        yield LogLine(make_id("log", deploy.id, "end"), ended, "helm", _end(deployment, deploy))


def _steps(deployment: Deployment, deploy: Deploy) -> list[tuple[str, str]]:
    release = deployment.release_name
    content = deploy.content
    kind = "rollback" if deploy.rollback_from_id else "deploy"
    steps = [("commander", f"{kind} {deploy.id} of {release} accepted")]
    before = deploy.runtime_before
    if deploy.rollback_from_id and before and is_downgrade(before, content.runtime):
        steps += _downgrade(before, content.runtime)
    image = f"{content.image_repository}:{content.image_tag}"
    steps.append(("helm", f"upgrading release {release} in {deployment.namespace}: image {image}"))
    steps.append(("scheduler", f"waiting for rollout of {release}-scheduler"))
    return steps


def _downgrade(before: str, after: str) -> list[tuple[str, str]]:
    steps = [("airflow-downgrade", f"metadata database: from Runtime {before} to Runtime {after}")]
    if crosses_down(before, after):
        steps.append(("airflow-downgrade", "erasing data of features that the target does not have"))
        steps.append(("airflow-downgrade", "running the downgrade migrations of the schema"))
    steps.append(("airflow-downgrade", "metadata database downgraded"))
    return steps


def _end(deployment: Deployment, deploy: Deploy) -> str:
    if deploy.outcome == DEPLOYED:
        return f"release {deployment.release_name} is deployed"
    return f"release {deployment.release_name} failed: {deploy.failure or 'no reason given'}"
