# SPDX-License-Identifier: Apache-2.0
"""Deployments, deploys and whole histories for the tests of the domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_rollback_provider.domain.deploys import (
    Access,
    Capabilities,
    Deploy,
    Deployment,
    DeployStatus,
    Mechanism,
    Scope,
)
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.plan import RollbackPlan, make_plan
from airflow_rollback_provider.domain.selector import DeploySelector

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
PERMISSIONS = {"image": "deployment.images.push", "dags": "deployment.dags.push"}
HOUSTON = Capabilities("Astro Private Cloud", permissions=PERMISSIONS)
ASTRO = Capabilities(
    "Astro",
    scopes=False,
    mechanisms=frozenset({Mechanism.IMAGE, Mechanism.DAG_DEPLOY}),
    logs=False,
    reasons=False,
    reports_access=False,
    reports_switches=False,
    permissions=dict.fromkeys(("image", "dags"), "deployment.deploys.update"),
    latest_always_allowed=True,
)
FULL_ACCESS = Access(frozenset(PERMISSIONS.values()), True, "deployRollback.enabled", True)
OK, BAD, GOING, ODD = (
    DeployStatus.SUCCEEDED,
    DeployStatus.FAILED,
    DeployStatus.IN_PROGRESS,
    DeployStatus.UNKNOWN,
)


def deployment(runtime: str | None = "13.2.0", **values: Any) -> Deployment:
    """A Deployment with Dag-only deploys."""
    defaults: dict[str, Any] = {"mechanism": Mechanism.DAG_DEPLOY, "runtime_version": runtime}
    return Deployment("dep", "orders", **{**defaults, **values})


def deploy(name: str, days_ago: float = 1, **values: Any) -> Deploy:
    """A deploy that succeeded, with content of its own: `image=` and `dags=` name it."""
    image, dags = values.pop("image", name), values.pop("dags", name)
    defaults: dict[str, Any] = {
        "deployment_id": "dep",
        "created_at": NOW - timedelta(days=days_ago),
        "status": OK,
        "image_tag": image and f"tag-{image}",
        "dag_bundle": dags and f"bundle-{dags}",
        "runtime_version": "13.2.0",
        "mechanism": Mechanism.DAG_DEPLOY,
    }
    return Deploy(name, **{**defaults, **values})


def rollback(name: str, to: Deploy, days_ago: float = 0.5, **values: Any) -> Deploy:
    """A rollback that restored the whole content of `to`."""
    defaults: dict[str, Any] = {
        "image_tag": to.image_tag,
        "dag_bundle": to.dag_bundle,
        "runtime_version": to.runtime_version,
        "rolled_back_to": to.id,
        "scope": Scope.IMAGE_AND_DAGS,
    }
    return deploy(name, days_ago, **{**defaults, **values})


def history(*oldest_first: Deploy) -> History:
    """A history from deploys in the order in which they happened."""
    return History(reversed(oldest_first))


class Counted:
    """Deploys that count how many of them were read."""

    def __init__(self, deploys: Iterable[Deploy]) -> None:
        self.taken = 0
        self._deploys = deploys

    def __iter__(self) -> Iterator[Deploy]:
        for one in self._deploys:
            self.taken += 1
            yield one


def plan(*oldest_first: Deploy, target: str = "previous", **values: Any) -> RollbackPlan:
    """A plan with every permission, on Astro Private Cloud by default."""
    tells = values.get("capabilities", HOUSTON).reports_access
    defaults: dict[str, Any] = {
        "scope": None,
        "access": FULL_ACCESS if tells else Access(),
        "capabilities": HOUSTON,
        "now": NOW,
    }
    runs = values.pop("deployment", None) or deployment(oldest_first[-1].runtime_version)
    return make_plan(
        runs, history(*oldest_first).read_out(), target=DeploySelector.parse(target), **{**defaults, **values}
    )
