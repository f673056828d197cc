# SPDX-License-Identifier: Apache-2.0
"""The commands of the control API: one function for each route, on the sandbox and JSON values."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.sandbox.clock import from_iso, iso
from airflow_rollback_provider.sandbox.errors import invalid, not_found
from airflow_rollback_provider.sandbox.factories import draft_from, from_drafts, make_deployment, make_row
from airflow_rollback_provider.sandbox.houston_views import deploy_view, deployment_view
from airflow_rollback_provider.sandbox.settings import check_script

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.model import Deploy, Deployment
    from airflow_rollback_provider.sandbox.state import Sandbox
    from airflow_rollback_provider.sandbox.world import World

_STATE_ROWS = 200


def get_state(sandbox: Sandbox, parameters: dict[str, str], _: Any) -> dict[str, Any]:
    """Return the whole world; at most 200 rows of each history (``?rows=`` changes that)."""
    rows = int(parameters.get("rows", _STATE_ROWS))
    world = sandbox.world
    return {
        "scenario": sandbox.scenario,
        "now": iso(world.clock.now()),
        "settings": world.settings.as_dict(),
        "mutations": world.mutations,
        "organization": {"id": world.organization.id, "name": world.organization.name},
        "workspaces": [{"id": item.id, "key": item.key, "label": item.label} for item in world.workspaces],
        "deployments": {item.key: _whole(world, item, rows) for item in world.deployments.values()},
        "faults": sandbox.faults.as_list(),
        "requests": sandbox.requests_as_list(),
    }


def _whole(world: World, deployment: Deployment, rows: int) -> dict[str, Any]:
    listed = world.listed(deployment)
    latest = [deploy_view(world, row) for row in islice(listed, rows)]
    return deployment_view(world, deployment) | {"key": deployment.key, "deploys": latest}


def get_requests(sandbox: Sandbox, _: dict[str, str], __: Any) -> list[dict[str, Any]]:
    """Return the requests received, oldest first."""
    return sandbox.requests_as_list()


def clear_requests(sandbox: Sandbox, _: dict[str, str], __: Any) -> dict[str, Any]:
    """Clear the record of requests."""
    sandbox.requests.clear()
    return {}


def get_faults(sandbox: Sandbox, _: dict[str, str], __: Any) -> list[dict[str, Any]]:
    """Return the faults that are set, with their hits."""
    return sandbox.faults.as_list()


def add_faults(sandbox: Sandbox, _: dict[str, str], body: Any) -> list[dict[str, Any]]:
    """Set one fault, or several in a list."""
    for values in body if isinstance(body, list) else [body]:
        if values.get("deployment") is not None:  # report an error now, and not when the fault is injected
            _find(sandbox, values)
            draft_from(values.get("draft", {}))
        sandbox.faults.add(values)
    return sandbox.faults.as_list()


def clear_faults(sandbox: Sandbox, _: dict[str, str], __: Any) -> dict[str, Any]:
    """Remove all faults."""
    sandbox.faults.clear()
    return {}


def get_clock(sandbox: Sandbox, _: dict[str, str], __: Any) -> dict[str, Any]:
    """Return the platform's time."""
    clock = sandbox.world.clock
    return {
        "now": iso(clock.now()),
        "frozen": clock.frozen,
        "date_offset": sandbox.world.settings.date_offset,
    }


def move_clock(sandbox: Sandbox, parameters: dict[str, str], body: Any) -> dict[str, Any]:
    """Move it: ``set`` (ISO), ``advance`` (s), ``freeze`` (bool), ``date_offset`` (s, the Date header's)."""
    clock = sandbox.world.clock
    if unknown := sorted(set(body) - {"set", "advance", "freeze", "date_offset"}):
        raise invalid(f"Unknown field {unknown[0]!r} of the clock; known: set, advance, freeze, date_offset")
    if "freeze" in body:
        clock.freeze() if body["freeze"] else clock.resume()
    if "set" in body:
        clock.set(from_iso(body["set"]))
    if "advance" in body:
        clock.advance(float(body["advance"]))
    if "date_offset" in body:
        sandbox.world.settings.update({"date_offset": float(body["date_offset"])})
    return get_clock(sandbox, parameters, None)


def get_settings(sandbox: Sandbox, _: dict[str, str], __: Any) -> dict[str, Any]:
    """Return all settings."""
    return sandbox.world.settings.as_dict()


def change_settings(sandbox: Sandbox, _: dict[str, str], body: Any) -> dict[str, Any]:
    """Change settings by name."""
    sandbox.world.settings.update(body)
    return sandbox.world.settings.as_dict()


def reset(sandbox: Sandbox, _: dict[str, str], body: Any) -> dict[str, Any]:
    """Start again, with another ``scenario`` if one is named."""
    sandbox.reset(body.get("scenario"))
    return {"now": iso(sandbox.world.clock.now())}


def add_deployment(sandbox: Sandbox, _: dict[str, str], body: Any) -> dict[str, Any]:
    """Create a Deployment with its own history: ``key`` and optionally ``mechanism``, ``runtime``,
    ``label``, ``release``, ``workspace``, ``rollback_enabled`` and ``deploys`` (drafts, oldest first)."""
    values: dict[str, Any] = dict(body)
    key = str(values.pop("key"))
    drafts = [draft_from(draft) for draft in values.pop("deploys", [])]
    defaults: dict[str, Any] = {"label": key, "release": key, "runtime": "3.1-12", "mechanism": "image"}
    deployment = make_deployment(
        key, from_drafts(lambda: drafts), sandbox.world.clock.now(), **(defaults | values)
    )
    whole = _whole(sandbox.world, deployment, _STATE_ROWS)
    sandbox.world.deployments[deployment.id] = deployment
    return whole


def get_deployment(sandbox: Sandbox, parameters: dict[str, str], _: Any) -> dict[str, Any]:
    """Return a Deployment with its history."""
    rows = int(parameters.get("rows", _STATE_ROWS))
    return _whole(sandbox.world, _find(sandbox, parameters), rows)


def change_deployment(sandbox: Sandbox, parameters: dict[str, str], body: Any) -> dict[str, Any]:
    """Set ``rollback_enabled``."""
    deployment = _find(sandbox, parameters)
    if set(body) - {"rollback_enabled"}:
        raise invalid("Of a Deployment only rollback_enabled can be changed")
    deployment.rollback_enabled = bool(body.get("rollback_enabled", deployment.rollback_enabled))
    return deployment_view(sandbox.world, deployment)


def land_deploy(sandbox: Sandbox, parameters: dict[str, str], body: Any) -> dict[str, Any]:
    """Let another user's deploy land: a draft (``age`` 0: now; ``seconds`` until it ends: 0)."""
    world, deployment = sandbox.world, _find(sandbox, parameters)
    now = world.clock.now()
    draft = draft_from({"seconds": 0, "id": world.new_id(deployment), **body})
    row = make_row(
        deployment.key, len(deployment.history), deployment.running(now), draft, now, deployment.history.rows
    )
    deployment.history.add(row)
    return deploy_view(world, row)


def change_deploy(sandbox: Sandbox, parameters: dict[str, str], body: Any) -> dict[str, Any]:
    """Script a deploy's end: ``outcome``, ``reason``, ``applies``, ``seconds`` from now (null: never)."""
    row = _find_deploy(sandbox, parameters)
    check_script(body)
    row.outcome = str(body.get("outcome", row.outcome))
    row.failure = body.get("reason", row.failure)
    row.applies = bool(body.get("applies", row.applies))
    if "seconds" in body:
        seconds = body["seconds"]
        row.finishes_at = (
            None if seconds is None else sandbox.world.clock.now() + timedelta(seconds=float(seconds))
        )
    return deploy_view(sandbox.world, row)


def remove_deploy(sandbox: Sandbox, parameters: dict[str, str], _: Any) -> dict[str, Any]:
    """Remove a row, as the nightly job does."""
    _find_deploy(sandbox, parameters).purged = True
    return {}


def _find(sandbox: Sandbox, parameters: dict[str, Any]) -> Deployment:
    name = parameters["deployment"]
    for deployment in sandbox.world.deployments.values():
        if name in (deployment.id, deployment.key):
            return deployment
    raise not_found("Deployment", name)


def _find_deploy(sandbox: Sandbox, parameters: dict[str, str]) -> Deploy:
    row = _find(sandbox, parameters).history.get(parameters["deploy"])
    if row is None:
        raise not_found("Deploy revision", parameters["deploy"])
    return row
