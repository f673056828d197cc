# SPDX-License-Identifier: Apache-2.0
"""Builders of a release's pods and workloads, in the form of the Kubernetes API."""

from __future__ import annotations

from typing import Any

REPOSITORY = "registry.sandbox.localhost/orders/airflow"
OLD, NEW = f"{REPOSITORY}:release-41", f"{REPOSITORY}:release-42"
RELEASE = "orders"


def labels(component: str, **more: str) -> dict[str, str]:
    """The labels of Airflow's chart."""
    return {"tier": "airflow", "release": RELEASE, "component": component, **more}


def container_status(name: str, image: str, state: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Status of a container, as the kubelet writes it."""
    ready = "running" in state
    return {
        "name": name,
        "image": image,
        "imageID": "",
        "ready": ready,
        "restartCount": 0,
        "state": state,
        **more,
    }


RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-11-23T12:00:00Z"}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """The state of a container that does not run yet."""
    return {"waiting": {"reason": reason, "message": message}}


def pod(
    component: str = "scheduler",
    image: str = NEW,
    *,
    name: str | None = None,
    state: dict[str, Any] | None = None,
    ready: bool | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A pod with the component's container and a sidecar of another image; ready by default.

    :param state: the state of the component's container.
    :param ready: whether the pod is ready; by default whether that container runs.
    :param more: ``labels``, ``metadata``, ``conditions``, ``phase``, ``status`` of the container, ``init``.
    """
    state = state or RUNNING
    ready = "running" in state if ready is None else ready
    status = container_status(component, image, state, **more.get("status", {}))
    return {
        "metadata": {
            "name": name or f"{RELEASE}-{component}-0",
            "creationTimestamp": "2026-11-23T12:00:00Z",
            "labels": labels(component, **more.get("labels", {})),
            **more.get("metadata", {}),
        },
        "spec": {
            "containers": [
                {"name": "log-groomer", "image": "busybox:1"},
                {"name": component, "image": image},
            ],
            **more.get("spec", {}),
        },
        "status": {
            "phase": more.get("phase", "Running"),
            "conditions": more.get("conditions", [{"type": "Ready", "status": str(ready)}]),
            "initContainerStatuses": more.get("init", []),
            "containerStatuses": [container_status("log-groomer", "busybox:1", RUNNING), status],
        },
    }


def migrations(age: int = 1, **more: Any) -> dict[str, Any]:
    """A pod of the Job that migrates Airflow's database.

    :param age: how many hours ago it was created.
    """
    name = "run-airflow-migrations"
    made = {"creationTimestamp": f"2026-11-23T{12 - age:02}:00:00Z"}
    return pod(name, name=f"{RELEASE}-{name}-{age}", metadata=made, **more)


def workload(
    component: str = "scheduler", image: str = NEW, replicas: int | None = 1, **status: Any
) -> dict[str, Any]:
    """A Deployment of Kubernetes that creates such pods."""
    spec: dict[str, Any] = {"template": {"spec": {"containers": [{"name": component, "image": image}]}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "kind": "Deployment",
        "metadata": {"name": f"{RELEASE}-{component}", "labels": labels(component)},
        "spec": spec,
        "status": status,
    }
