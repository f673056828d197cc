# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server for the tests: the one of ``KUBECONFIG``, or one that is started for them.

``ROLLBACK_KUBE_TOOLS`` names the folder with the programs ``kube-up`` and ``kube-down``, which start an API
server on loopback; the default is a folder beside the checkout. That server has no controllers and no
nodes: the tests set the status of a pod themselves. On a cluster of ``KUBECONFIG`` they use namespaces of
their own, and pods that no scheduler takes.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.support.without import do_without

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 240


@dataclass(frozen=True)
class Kube:
    """An API server.

    :param kubeconfig: file with the credentials of an administrator.
    :param nobody: file with the credentials of a user without rights, if there is one.
    """

    kubeconfig: str
    nobody: str | None = None

    def connection(self, *, nobody: bool = False) -> str:
        """Return an Airflow connection to it."""
        file = self.nobody if nobody else self.kubeconfig
        return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config_path": file}})

    @cached_property
    def client(self) -> Any:
        """A client of the administrator."""
        from kubernetes import client, config

        configuration = client.Configuration()
        config.load_kube_config(self.kubeconfig, client_configuration=configuration)
        configuration.verify_ssl = False
        return client.ApiClient(configuration)

    def call(self, method: str, path: str, body: Any = None, *, patch: str = "merge-patch") -> Any:
        """Send a request to the API server."""
        kind = f"application/{patch}+json" if method == "PATCH" else "application/json"
        response = self.client.call_api(
            path,
            method,
            header_params={"Content-Type": kind, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
        )
        return json.loads(response.data)

    @contextmanager
    def namespace(self, name: str | None = None) -> Iterator[Namespace]:
        """Make a namespace, and delete it at the end."""
        name = name or f"rollback-test-{uuid.uuid4().hex[:8]}"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        try:
            yield Namespace(self, name)
        finally:
            self.call("DELETE", f"/api/v1/namespaces/{name}")


@dataclass(frozen=True)
class Namespace:
    """A namespace of one test."""

    kube: Kube
    name: str

    def put_pod(self, pod: dict[str, Any], **spec: Any) -> datetime:
        """Make a pod that no scheduler takes, with the status of the test; return when it was made."""
        whole = {"schedulerName": "of-the-tests", **spec, **pod["spec"]}
        made = self.kube.call("POST", self._path("pods"), {"metadata": pod["metadata"], "spec": whole})
        self.set_status(pod)
        return datetime.strptime(made["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%S%z")

    def set_status(self, pod: dict[str, Any]) -> None:
        """Set the status of a pod."""
        path = f"{self._path('pods')}/{pod['metadata']['name']}/status"
        self.kube.call("PATCH", path, {"status": pod["status"]})

    def delete_pod(self, name: str) -> None:
        """Delete a pod at once."""
        self.kube.call("DELETE", f"{self._path('pods')}/{name}", {"gracePeriodSeconds": 0})

    def put_workload(self, workload: dict[str, Any], plural: str = "deployments") -> None:
        """Make a Deployment or a StatefulSet that no controller works on."""
        labels = workload["metadata"]["labels"]
        template = {"metadata": {"labels": labels}, **workload["spec"]["template"]}
        spec = {**workload["spec"], "selector": {"matchLabels": labels}, "template": template}
        if plural == "deployments":
            spec["paused"] = True
        path = f"/apis/apps/v1/namespaces/{self.name}/{plural}"
        self.kube.call("POST", path, {"metadata": workload["metadata"], "spec": spec})
        self.set_workload_status(workload, plural, observedGeneration=1)

    def set_workload_status(
        self, workload: dict[str, Any], plural: str = "deployments", **status: int
    ) -> None:
        """Set the status of a workload, as its controller does."""
        path = f"/apis/apps/v1/namespaces/{self.name}/{plural}/{workload['metadata']['name']}/status"
        self.kube.call("PATCH", path, {"status": status})

    def change_workload(self, workload: dict[str, Any]) -> None:
        """Change a Deployment's pods and keep their image, as an upgrade of the release does."""
        path = f"/apis/apps/v1/namespaces/{self.name}/deployments/{workload['metadata']['name']}"
        annotations = {"metadata": {"annotations": {"upgraded": uuid.uuid4().hex}}}
        self.kube.call("PATCH", path, {"spec": {"template": annotations}})

    def put_event(self, pod: str, reason: str, message: str) -> None:
        """Make an event about a pod."""
        involved = {"kind": "Pod", "name": pod, "namespace": self.name}
        event = {
            "metadata": {"name": f"{pod}.{uuid.uuid4().hex[:8]}"},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "lastTimestamp": "2026-11-23T12:00:00Z",
        }
        self.kube.call("POST", self._path("events"), event)

    def _path(self, plural: str) -> str:
        return f"/api/v1/namespaces/{self.name}/{plural}"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let other workers wait: the first start on a machine installs missing programs."""
    with (Path(tempfile.gettempdir()) / "rollback-kube-up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def kubernetes(folder: Path) -> Iterator[Kube]:
    """Return an API server; skip the test with a clear message if there is none.

    :param folder: folder for the files of a server that is started.
    """
    given = os.environ.get("KUBECONFIG")
    if given:
        yield Kube(given)
        return
    tools = Path(os.environ.get("ROLLBACK_KUBE_TOOLS") or _ROOT.parent / "shared" / "tools")
    if not (tools / "kube-up").is_file():
        pytest.skip("no Kubernetes: set KUBECONFIG, or ROLLBACK_KUBE_TOOLS to a folder with kube-up")
    with _one_at_a_time():
        started = subprocess.run(
            [tools / "kube-up", folder], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    try:
        if started.returncode != 0:
            do_without(f"no Kubernetes: kube-up ended with {started.returncode}: {started.stderr[-500:]}")
        yield Kube(str(folder / "kubeconfig.yaml"), str(folder / "kubeconfig-nobody.yaml"))
    finally:
        subprocess.run([tools / "kube-down", folder], capture_output=True, timeout=_SECONDS, check=False)
