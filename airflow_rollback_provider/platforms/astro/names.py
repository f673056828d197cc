# SPDX-License-Identifier: Apache-2.0
"""Which Deployment is meant by a name or a namespace: hosted Astro's list of them is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import AmbiguousTarget, DeploymentNotFound
from airflow_rollback_provider.platforms.astro.errors import RequestContext
from airflow_rollback_provider.platforms.astro.mapping import read_count, read_deployment, read_rows

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.http.messages import Flow, Request, Response
    from airflow_rollback_provider.platforms.astro.api import Api

_LONGEST_NAME = 200
# A label of Kubernetes.
_CAN_BE_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Each row holds all settings and variables of a Deployment.
_PAGE = 100
_USE_THE_ID = " A token of a single Deployment may not list Deployments: name the Deployment by its id."


def find_deployment(api: Api, name: str) -> Flow[Deployment]:
    """Find a Deployment by its name or else by its namespace.

    A name takes one request. A namespace takes another one for each hundred Deployments: the platform filters
    by names alone.

    :raises DeploymentNotFound: when there is none.
    :raises AmbiguousTarget: when several have the name, which is possible in different Workspaces.
    """
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise DeploymentNotFound(f"{name[:80]!r} is neither the id nor a name of a Deployment.")
    listed, _ = yield from _list(api, name, names=name)
    named = [deployment for deployment in listed if deployment.name == name]
    if len(named) > 1:
        raise AmbiguousTarget(_ambiguous(name, named))
    found = named[0] if named else (yield from _in_namespace(api, name))
    if found is None:
        raise DeploymentNotFound(
            f"The connection's Organization has no Deployment with the id, name or namespace {name!r}, or "
            "the token may not see it."
        )
    return found


def _in_namespace(api: Api, name: str) -> Flow[Deployment | None]:
    start, total = 0, 1 if _CAN_BE_NAMESPACE.fullmatch(name) else 0
    while start < total:
        # In this order a Deployment that is created meanwhile moves none of those that were not read yet.
        listed, total = yield from _list(api, name, offset=start, sorts="createdAt:asc")
        for deployment in listed:
            if deployment.namespace == name:
                return deployment
        start = start + len(listed) if listed else total
    return None


def _list(api: Api, name: str, **query: Any) -> Generator[Request, Response, tuple[list[Deployment], int]]:
    context = RequestContext("deployments", subject=repr(name), hint=_USE_THE_ID)
    row, _ = yield from api.read(context, "deployments", limit=_PAGE, **query)
    rows = read_rows(row, "deployments", context.operation)
    return [read_deployment(one) for one in rows], read_count(row, "totalCount")


def _ambiguous(name: str, found: list[Deployment]) -> str:
    shown = ", ".join(f"{one.id} (Workspace {one.workspace_id})" for one in found[:5])
    return f"{len(found)} Deployments are named {name!r}: {shown}. Name the one that is meant by its id."
