# SPDX-License-Identifier: Apache-2.0
"""Requests to a Kubernetes cluster through the hooks and connections of the cncf-kubernetes provider.

The clients are slow to import, so they are imported with the first request.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow_rollback_provider.compat import AirflowException, AirflowNotFoundException
from airflow_rollback_provider.domain.errors import (
    AccessDenied,
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
from airflow_rollback_provider.domain.redaction import short_line
from airflow_rollback_provider.http.flow import arun_flow, run_flow
from airflow_rollback_provider.pods.cluster import LOG_LINES

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_rollback_provider.pods.cluster import ClusterFlow, ClusterRequest

T = TypeVar("T")

DEFAULT_CONN_ID = "kubernetes_default"

_HOOKS = "airflow.providers.cncf.kubernetes.hooks.kubernetes"
_SECONDS_TO_CONNECT, _SECONDS_TO_READ = 10.0, 30.0
MOST_AT_ONCE = 500
_LIST_TOO_OLD = 410  # the list changed too much while its pages were read
_METHODS = {
    "pods": ("CoreV1Api", "list_namespaced_pod", "label_selector"),
    "deployments": ("AppsV1Api", "list_namespaced_deployment", "label_selector"),
    "stateful_sets": ("AppsV1Api", "list_namespaced_stateful_set", "label_selector"),
    "events": ("CoreV1Api", "list_namespaced_event", "field_selector"),
}


class Surroundings(NamedTuple):
    """How a task reaches the cluster. The task passes it to the triggerer.

    :param inside: whether the process runs in the cluster.
    :param by_chance: whether the connection is not filled in, so that only the permissions of the process's
        own environment apply.
    """

    inside: bool
    by_chance: bool


class _Access:
    """Base class: converts a client's exceptions into named errors."""

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._by_chance = False
        self._answered = False

    def _failed(self, error: Exception, request: ClusterRequest) -> RollbackError:
        """Return the named error for a client's exception.

        Without a connection, a first refusal means that there is no access to a cluster. A refusal after an
        accepted request is an error.
        """
        failure = _failure(error, request, self._conn_id)
        if self._answered and isinstance(failure, AccessDenied):
            failure.retryable = True  # the credentials were accepted before: they may have expired
        if self._by_chance and not self._answered and isinstance(failure, AccessDenied):
            return NoClusterAccess(
                f"There is no access to a Kubernetes cluster: the connection {self._conn_id!r} is not filled "
                f"in, and the permissions of Airflow's own environment are not sufficient. {failure}"
            )
        return failure

    def _not_connected(self, error: Exception) -> RollbackError:
        """Return the named error for a configuration or credentials that cannot be read."""
        failure = _no_access(error, self._conn_id)
        return PlatformUnreachable(str(failure)) if self._answered else failure


class Cluster(_Access):
    """A cluster, for a task.

    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``.
    :raises NoClusterAccess: on first use, if neither the connection nor the environment gives access to a
        cluster.
    """

    def __init__(self, kubernetes_conn_id: str = DEFAULT_CONN_ID) -> None:
        super().__init__(kubernetes_conn_id)
        self._hook: Any = None

    def surroundings(self) -> Surroundings:
        """Return how the process reaches the cluster."""
        return Surroundings(bool(self._connected().is_in_cluster), self._by_chance)

    def run(self, flow: ClusterFlow[T]) -> T:
        """Run a flow to its end and return its value.

        :raises RollbackError: an error of the flow or of a request.
        """
        return run_flow(flow, self._answer)

    def _answer(self, request: ClusterRequest) -> Any:
        try:
            answer = self._read(request)
        except TokenRefused as refused:
            if not refused.retryable:
                raise
            self._hook = None  # an exec plugin's token lasts for minutes: read the credentials again
            answer = self._read(request)
        self._answered = True
        return answer

    def _read(self, request: ClusterRequest) -> Any:
        self._connected()
        try:
            return run_flow(_calls(request), self._send)
        except _expected("kubernetes.client.ApiException", "urllib3.exceptions.HTTPError") as error:
            raise self._failed(error, request) from None

    def _send(self, call: _Call) -> tuple[int, bytes]:
        client = import_module("kubernetes.client")
        response = getattr(getattr(client, call.api)(self._hook.api_client), call.method)(
            **call.arguments,
            _preload_content=False,
            _request_timeout=(_SECONDS_TO_CONNECT, _SECONDS_TO_READ),
        )
        return response.status, response.data

    def _connected(self) -> Any:
        if self._hook is None:
            try:
                hook = import_module(_HOOKS).KubernetesHook(conn_id=self._conn_id)
                hook.api_client  # noqa: B018 - reads the connection and the configuration
            except _expected("kubernetes.config.ConfigException", "yaml.YAMLError") as error:
                raise self._not_connected(error) from None
            self._hook = hook
            self._by_chance = self._conn_id == DEFAULT_CONN_ID and not any(hook.conn_extras.values())
        return self._hook


class AsyncCluster(_Access):
    """A cluster, for an event loop: ``async with AsyncCluster(…) as cluster``.

    :param kubernetes_conn_id: Airflow connection of the type ``kubernetes``.
    :param surroundings: how the task reaches the cluster.
    """

    def __init__(self, kubernetes_conn_id: str, surroundings: Surroundings) -> None:
        super().__init__(kubernetes_conn_id)
        self._inside, self._by_chance = surroundings
        self._exits = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> AsyncCluster:
        await self._connect()
        return self

    async def _connect(self) -> None:
        await self._exits.aclose()
        try:
            # Importing the clients takes a second or more, which would block the event loop.
            hooks = await asyncio.to_thread(import_module, _HOOKS)
            await asyncio.to_thread(import_module, "kubernetes_asyncio.client")
            hook = hooks.AsyncKubernetesHook(conn_id=self._conn_id, in_cluster=self._inside or None)
            self._client = await self._exits.enter_async_context(hook.get_conn())
        except _expected("kubernetes_asyncio.config.ConfigException", "yaml.YAMLError") as error:
            raise self._not_connected(error) from None

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def run(self, flow: ClusterFlow[T]) -> T:
        """Run a flow as :meth:`Cluster.run` does, inside an event loop."""
        return await arun_flow(flow, self._answer)

    async def _answer(self, request: ClusterRequest) -> Any:
        try:
            answer = await self._read(request)
        except TokenRefused as refused:
            if not refused.retryable:
                raise
            self._client = None  # as in a task
            answer = await self._read(request)
        self._answered = True
        return answer

    async def _read(self, request: ClusterRequest) -> Any:
        if self._client is None:
            await self._connect()
        try:
            return await arun_flow(_calls(request), self._send)
        except _expected("kubernetes_asyncio.client.ApiException", "aiohttp.ClientError") as error:
            raise self._failed(error, request) from None

    async def _send(self, call: _Call) -> tuple[int, bytes]:
        client = import_module("kubernetes_asyncio.client")
        response = await getattr(getattr(client, call.api)(self._client), call.method)(
            **call.arguments, _preload_content=False, _request_timeout=_SECONDS_TO_READ
        )
        return response.status, await response.read()


class _Call(NamedTuple):
    """A call: class, method and arguments are the same in both clients."""

    api: str
    method: str
    arguments: dict[str, Any]


def _calls(request: ClusterRequest) -> Generator[_Call, tuple[int, bytes], Any]:
    """Return the flow of a request; a long list has several pages."""
    if request.what == "log":
        of_log = {
            "name": request.pod,
            "namespace": request.namespace,
            "container": request.container,
            "previous": request.previous,
            "tail_lines": LOG_LINES,
        }
        body = _checked(*(yield _Call("CoreV1Api", "read_namespaced_pod_log", of_log)))
        return body.decode("utf-8", errors="replace")
    items: list[Any] = []
    api, method, selector = _METHODS[request.what]
    arguments = {"namespace": request.namespace, selector: request.selector, "limit": MOST_AT_ONCE}
    while True:
        page = json.loads(_checked(*(yield _Call(api, method, arguments))))
        items += page["items"]
        following = (page.get("metadata") or {}).get("continue")
        if not following:
            return items
        arguments = {**arguments, "_continue": following}


def _checked(status: int, body: bytes) -> bytes:
    if not 200 <= status < 300:
        raise _Refused(status, body)
    return body


class _Refused(Exception):
    """An unsuccessful answer, for which the clients do not always raise an exception."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


def _failure(error: Exception, request: ClusterRequest, conn_id: str) -> RollbackError:
    reading = f"reading {request.what.replace('_', ' ')} in namespace {request.namespace}"
    cluster = f"Kubernetes cluster of connection {conn_id!r}"
    status = getattr(error, "status", None)
    if not isinstance(status, int) or not status:
        if isinstance(error, (ValueError, KeyError)) and not isinstance(error, OSError):
            return MalformedAnswer(
                f"The answer of the {cluster} to {reading} is malformed ({type(error).__name__})."
            )
        return PlatformUnreachable(
            f"No answer from the {cluster} while {reading} ({type(error).__name__}: "
            f"{short_line(str(error))}). Check the network route from Airflow to the cluster, and "
            "the connection."
        )
    refusal = f"The {cluster} refused {reading} (HTTP {status}: {_reason(error)})."
    temporary = status >= 500 or status == _LIST_TOO_OLD
    errors: dict[int, RollbackError] = {
        401: TokenRefused(f"{refusal} Put valid credentials in the connection."),
        403: PermissionMissing(
            f"{refusal} Bind a Role that may get and list pods, pods/log, events, and deployments and "
            "statefulsets of the group apps in that namespace."
        ),
        404: NotFound(refusal),
        429: RateLimited(refusal),
    }
    return errors.get(status) or (
        PlatformFailed(f"{refusal} The failure may be temporary.") if temporary else BadInput(refusal)
    )


def _reason(error: Exception) -> str:
    body = getattr(error, "body", None)
    try:
        return short_line(str(json.loads(body)["message"]))  # type: ignore[arg-type]  # any other type fails
    except (TypeError, ValueError, KeyError):
        return short_line(str(getattr(error, "reason", None) or "no reason given"))


def _expected(*names: str) -> tuple[type[Exception], ...]:
    """Return the exceptions that a cluster may cause; others are bugs and are not converted.

    :param names: exception classes of modules that are imported late.
    """
    late = (name.rpartition(".") for name in names)
    classes = (getattr(import_module(module), name) for module, _, name in late)
    known = (_Refused, AirflowException, AirflowNotFoundException, OSError, ValueError, KeyError, TypeError)
    return (*classes, *known, asyncio.TimeoutError)


def _no_access(error: Exception, conn_id: str) -> NoClusterAccess:
    # A parser's message would show a part of the configuration, which contains tokens.
    is_safe = isinstance(error, (AirflowException, OSError)) or type(error).__name__ == "ConfigException"
    reason = f"{type(error).__name__}: {short_line(str(error))}" if is_safe else type(error).__name__
    return NoClusterAccess(
        f"There is no access to a Kubernetes cluster: connection {conn_id!r} ({reason}). Create a connection "
        "of the type Kubernetes, or run Airflow in the cluster."
    )
