# SPDX-License-Identifier: Apache-2.0
"""Asking a Kubernetes cluster through the hooks of the cncf-kubernetes provider, with its connections.

The clients are heavy, so they are imported when a cluster is first asked.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_rollback_provider.compat import AirflowException, AirflowNotFoundException
from airflow_rollback_provider.domain.errors import (
    BadInput,
    MalformedAnswer,
    NoClusterAccess,
    NotFound,
    PermissionMissing,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    RollbackError,
    TokenRefused,
)
from airflow_rollback_provider.platforms.cluster import Pause
from airflow_rollback_provider.platforms.conversing import ahold, hold

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.cluster import ClusterConversation, ClusterRequest

T = TypeVar("T")

DEFAULT_CONN_ID = "kubernetes_default"

_HOOKS = "airflow.providers.cncf.kubernetes.hooks.kubernetes"
_SECONDS_TO_CONNECT, _SECONDS_TO_READ = 10.0, 30.0
_MOST_OBJECTS = 500
_METHODS = {
    "pods": ("CoreV1Api", "list_namespaced_pod", "label_selector"),
    "deployments": ("AppsV1Api", "list_namespaced_deployment", "label_selector"),
    "stateful_sets": ("AppsV1Api", "list_namespaced_stateful_set", "label_selector"),
    "events": ("CoreV1Api", "list_namespaced_event", "field_selector"),
}


class Cluster:
    """A cluster, for a task.

    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``.
    :raises NoClusterAccess: on first use, where neither the connection nor the surroundings lead to one.
    """

    def __init__(self, kubernetes_conn_id: str = DEFAULT_CONN_ID) -> None:
        self._conn_id = kubernetes_conn_id
        self._hook: Any = None

    @property
    def is_inside(self) -> bool:
        """Whether it is the cluster that this process runs in. The hook of the triggerer has to be told."""
        return bool(self._connected().is_in_cluster)

    def run(self, conversation: ClusterConversation[T]) -> T:
        """Hold a conversation to its end and return its value.

        :raises RollbackError: what the conversation raises, or why the cluster did not answer.
        """
        return hold(conversation, self._ask)

    def _ask(self, request: ClusterRequest | Pause) -> Any:
        if isinstance(request, Pause):
            time.sleep(request.seconds)
            return None
        hook = self._connected()
        api, method, arguments = _call(request)
        client = import_module("kubernetes.client")
        try:
            response = getattr(getattr(client, api)(hook.api_client), method)(
                **arguments, _preload_content=False, _request_timeout=(_SECONDS_TO_CONNECT, _SECONDS_TO_READ)
            )
            return _read(request, response.status, response.data)
        except _expected("kubernetes.client.ApiException", "urllib3.exceptions.HTTPError") as error:
            raise _failure(error, request, self._conn_id) from None

    def _connected(self) -> Any:
        if self._hook is None:
            try:
                hook = import_module(_HOOKS).KubernetesHook(conn_id=self._conn_id)
                hook.api_client  # noqa: B018 - reads the connection and the configuration
            except _expected("kubernetes.config.ConfigException", "yaml.YAMLError") as error:
                raise _no_access(error, self._conn_id) from None
            self._hook = hook
        return self._hook


class AsyncCluster:
    """A cluster, for an event loop: ``async with AsyncCluster(conn_id) as cluster``.

    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``.
    :param inside: whether it is the cluster that this process runs in.
    """

    def __init__(self, kubernetes_conn_id: str = DEFAULT_CONN_ID, *, inside: bool = False) -> None:
        self._conn_id = kubernetes_conn_id
        self._inside = inside
        self._exits = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> AsyncCluster:
        try:
            # The clients take a second or more to load, which would hold the event loop up.
            hooks = await asyncio.to_thread(import_module, _HOOKS)
            await asyncio.to_thread(import_module, "kubernetes_asyncio.client")
            hook = hooks.AsyncKubernetesHook(conn_id=self._conn_id, in_cluster=self._inside or None)
            self._client = await self._exits.enter_async_context(hook.get_conn())
        except _expected("kubernetes_asyncio.config.ConfigException", "yaml.YAMLError") as error:
            raise _no_access(error, self._conn_id) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def run(self, conversation: ClusterConversation[T]) -> T:
        """Do what :meth:`Cluster.run` does, inside an event loop."""
        return await ahold(conversation, self._ask)

    async def _ask(self, request: ClusterRequest | Pause) -> Any:
        if isinstance(request, Pause):
            return await asyncio.sleep(request.seconds)
        api, method, arguments = _call(request)
        client = import_module("kubernetes_asyncio.client")
        try:
            response = await getattr(getattr(client, api)(self._client), method)(
                **arguments, _preload_content=False, _request_timeout=_SECONDS_TO_READ
            )
            return _read(request, response.status, await response.read())
        except _expected("kubernetes_asyncio.client.ApiException", "aiohttp.ClientError") as error:
            raise _failure(error, request, self._conn_id) from None


def _call(request: ClusterRequest) -> tuple[str, str, dict[str, Any]]:
    """Return class, method and arguments, which are the same in both clients."""
    if request.what == "log":
        arguments = {
            "name": request.pod,
            "namespace": request.namespace,
            "container": request.container,
            "previous": request.previous,
            "tail_lines": request.lines,
        }
        return "CoreV1Api", "read_namespaced_pod_log", arguments
    api, method, selector = _METHODS[request.what]
    return api, method, {"namespace": request.namespace, selector: request.selector, "limit": _MOST_OBJECTS}


def _read(request: ClusterRequest, status: int, body: bytes) -> Any:
    if not 200 <= status < 300:
        raise _Refused(status, body)
    if request.what == "log":
        return body.decode("utf-8", errors="replace")
    return json.loads(body)["items"]


class _Refused(Exception):
    """An answer that is no success; the clients themselves do not always raise it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


def _failure(error: Exception, request: ClusterRequest, conn_id: str) -> RollbackError:
    """Return the named error for what a client raised."""
    asked = f"reading {request.what.replace('_', ' ')} in namespace {request.namespace}"
    at = f"the Kubernetes cluster of connection {conn_id!r}"
    status = getattr(error, "status", None)
    if not isinstance(status, int) or not status:
        if isinstance(error, (ValueError, KeyError)) and not isinstance(error, OSError):
            return MalformedAnswer(f"The answer of {at} to {asked} cannot be read ({type(error).__name__}).")
        return PlatformUnreachable(
            f"No answer from {at} while {asked} ({type(error).__name__}: {_short(str(error))}). Check the "
            "route from where Airflow runs, and the connection."
        )
    said = f"{at[0].upper()}{at[1:]} refused {asked} (HTTP {status}: {_said(error)})."
    return _refusals(said).get(status) or (
        PlatformFailed(f"{said} It may pass.") if status >= 500 else BadInput(said)
    )


def _refusals(said: str) -> dict[int, RollbackError]:
    return {
        401: TokenRefused(f"{said} Put credentials that it knows in the connection."),
        403: PermissionMissing(
            f"{said} Bind a Role that may get and list pods, pods/log, events, and deployments and "
            "statefulsets of the group apps in that namespace."
        ),
        404: NotFound(said),
        429: RateLimited(said),
    }


def _said(error: Exception) -> str:
    """Return the cluster's own words."""
    body = getattr(error, "body", None)
    try:
        return _short(str(json.loads(body)["message"]))  # type: ignore[arg-type]  # any other type fails
    except (TypeError, ValueError, KeyError):
        return _short(str(getattr(error, "reason", None) or "no reason given"))


def _expected(*names: str) -> tuple[type[Exception], ...]:
    """Return the errors that a cluster may cause; anything else is a bug and stays one.

    :param names: classes of modules that are imported late.
    """
    late = (name.rpartition(".") for name in names)
    classes = (getattr(import_module(module), name) for module, _, name in late)
    known = (_Refused, AirflowException, AirflowNotFoundException, OSError, ValueError, KeyError, TypeError)
    return (*classes, *known, asyncio.TimeoutError)


def _no_access(error: Exception, conn_id: str) -> NoClusterAccess:
    # A parser's words would show a piece of the configuration, which holds tokens.
    tells = isinstance(error, (AirflowException, OSError)) or type(error).__name__ == "ConfigException"
    why = f"{type(error).__name__}: {_short(str(error))}" if tells else type(error).__name__
    return NoClusterAccess(
        f"There is no way to a Kubernetes cluster: connection {conn_id!r} ({why}). Make a connection of the "
        "type Kubernetes, or run Airflow in the cluster."
    )


def _short(text: str, longest: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
