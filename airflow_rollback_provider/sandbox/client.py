# SPDX-License-Identifier: Apache-2.0
"""A client for a running sandbox: the control API for tests, and both platforms' APIs."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any

from airflow_rollback_provider.sandbox.model import ORGANIZATION
from airflow_rollback_provider.sandbox.tokens import TOKENS

_SECONDS_TO_ANSWER = 60.0
# The platforms whose API it serves, by connection type: the fields that each needs in ``extra``.
PLATFORMS: dict[str, dict[str, Any]] = {
    "astro_private_cloud": {},
    "astro": {"organization_id": ORGANIZATION.id},
}


def connection(
    url: str,
    token: str = "editor",  # noqa: S107 -- a name, no secret
    platform: str = "astro_private_cloud",
    **extra: Any,
) -> dict[str, Any]:
    """Return an Airflow connection to a sandbox as JSON values.

    :param url: the sandbox's base URL.
    :param token: the name of one of the sandbox's tokens, see ``tokens.TOKENS``.
    :param platform: the API to call, one of ``PLATFORMS``; both show the same Deployments.
    :param extra: fields for the connection's ``extra``.
    :raises ValueError: if there is no such platform.
    """
    if platform not in PLATFORMS:
        raise ValueError(f"The sandbox is no {platform!r}; known: {', '.join(PLATFORMS)}")
    return {
        "conn_type": platform,
        "host": url,
        "password": TOKENS[token].value,
        "extra": PLATFORMS[platform] | extra,
    }


class SandboxError(Exception):
    """The sandbox could not be started, or refused a control call."""


class SandboxControl:
    """A running sandbox, for tests.

    :param url: its base URL, e.g. ``http://127.0.0.1:8080``.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def connection(
        self,
        token: str = "editor",  # noqa: S107 -- a name
        platform: str = "astro_private_cloud",
        **extra: Any,
    ) -> dict[str, Any]:
        """Return an Airflow connection to the sandbox, see ``connection`` above."""
        return connection(self.url, token, platform, **extra)

    def connection_json(
        self,
        token: str = "editor",  # noqa: S107 -- a name
        platform: str = "astro_private_cloud",
        **extra: Any,
    ) -> str:
        """Return the same as text, for an ``AIRFLOW_CONN_…`` environment variable."""
        return json.dumps(self.connection(token, platform, **extra))

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Make one control call, e.g. ``control("POST", "/clock", {"advance": 10})``.

        :raises SandboxError: if the sandbox refuses it or does not answer.
        """
        return self._call(method, f"/__sandbox__{path}", body, {})

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        address = urllib.parse.urlsplit(self.url)
        wire = http.client.HTTPConnection(str(address.hostname), address.port, timeout=_SECONDS_TO_ANSWER)
        data = None if body is None else json.dumps(body)
        try:
            wire.request(method, path, data, {"content-type": "application/json", **headers})
            answer = wire.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise SandboxError(f"{method} {path} on {self.url}: {error!r}") from error
        finally:
            wire.close()
        if not 200 <= answer.status < 300:
            raise SandboxError(f"{method} {path} on {self.url}: {answer.status} {text}")
        return json.loads(text)

    def graphql(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        token: str = "editor",  # noqa: S107 -- a name
    ) -> dict[str, Any]:
        """Call Houston's API and return the whole body, errors included.

        :raises SandboxError: without a response, or if it is not HTTP 2xx.
        """
        query_body = {"query": query, "variables": variables or {}}
        body: dict[str, Any] = self._call("POST", "/v1", query_body, {"authorization": TOKENS[token].value})
        return body

    def rest(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str = "editor",  # noqa: S107 -- a name
    ) -> dict[str, Any]:
        """Call hosted Astro's API and return the body.

        :param path: the path below the organization, e.g. ``/deployments?limit=5``.
        :raises SandboxError: without a response, or if it is not HTTP 2xx; the message contains its body.
        """
        headers = {"authorization": f"Bearer {TOKENS[token].value}"}
        whole = f"/v1/organizations/{ORGANIZATION.id}{path}"
        answer: dict[str, Any] = self._call(method, whole, body, headers)
        return answer

    def reset(self, scenario: str | None = None) -> None:
        """Start again with a fresh world, no faults, real time."""
        self.control("POST", "/reset", {} if scenario is None else {"scenario": scenario})

    def state(self) -> dict[str, Any]:
        """Return the whole world, the faults and the requests received."""
        state: dict[str, Any] = self.control("GET", "/state")
        return state

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests received, oldest first: time, operation, root fields, name of the token."""
        requests: list[dict[str, Any]] = self.control("GET", "/requests")
        return requests

    def clear_requests(self) -> None:
        """Clear the record of requests."""
        self.control("DELETE", "/requests")

    def fault(self, kind: str, operation: str | None = None, **fields: Any) -> None:
        """Set a fault; see ``faults.Fault`` for the kinds and fields."""
        self.control("POST", "/faults", {"kind": kind, "operation": operation, **fields})

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.control("DELETE", "/faults")

    def clock(self, **move: Any) -> dict[str, Any]:
        """Move the clock by ``advance`` (s), ``set`` (ISO), ``freeze`` or ``date_offset`` (s); return it."""
        moved: dict[str, Any] = self.control("POST", "/clock", move)
        return moved

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings (see ``settings.Settings``) and return all of them."""
        settings: dict[str, Any] = self.control("POST", "/settings", changes)
        return settings

    def next_rollbacks(self, *scripts: dict[str, Any]) -> None:
        """Script the next rollbacks, e.g. ``{"outcome": "FAILED", "seconds": 1, "reason": "…"}``."""
        self.settings(next_rollbacks=list(scripts))

    def add_deployment(self, key: str, **fields: Any) -> dict[str, Any]:
        """Create a Deployment with its own history: ``mechanism``, ``runtime``, ``deploys`` …"""
        deployment: dict[str, Any] = self.control("POST", "/deployments", {"key": key, **fields})
        return deployment

    def deployment(self, key_or_id: str, rows: int | None = None) -> dict[str, Any]:
        """Return a Deployment with its ``deploys``, newest first."""
        query = "" if rows is None else f"?rows={rows}"
        deployment: dict[str, Any] = self.control("GET", f"/deployments/{_quoted(key_or_id)}{query}")
        return deployment

    def change_deployment(self, key_or_id: str, **fields: Any) -> dict[str, Any]:
        """Set ``rollback_enabled`` of a Deployment."""
        deployment: dict[str, Any] = self.control("POST", f"/deployments/{_quoted(key_or_id)}", fields)
        return deployment

    def land_deploy(self, key_or_id: str, **draft: Any) -> dict[str, Any]:
        """Let another user's deploy land: ``tag``, ``runtime``, ``outcome``, ``seconds`` (0) …"""
        row: dict[str, Any] = self.control("POST", f"/deployments/{_quoted(key_or_id)}/deploys", draft)
        return row

    def change_deploy(self, key_or_id: str, deploy_id: str, **fields: Any) -> dict[str, Any]:
        """Change the outcome of a deploy: ``outcome``, ``reason``, ``seconds`` from now (``None``: never)."""
        path = f"/deployments/{_quoted(key_or_id)}/deploys/{_quoted(deploy_id)}"
        row: dict[str, Any] = self.control("POST", path, fields)
        return row

    def remove_deploy(self, key_or_id: str, deploy_id: str) -> None:
        """Remove a row of a history."""
        self.control("DELETE", f"/deployments/{_quoted(key_or_id)}/deploys/{_quoted(deploy_id)}")


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")
