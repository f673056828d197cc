# SPDX-License-Identifier: Apache-2.0
"""Whether the Airflow components of a release run an image and are ready; judged from what Kubernetes shows.

Objects are taken as the API writes them: plain dicts with its own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_rollback_provider.domain.redaction import redact
from airflow_rollback_provider.pods.images import ImageReference
from airflow_rollback_provider.pods.report import Finding, PodsReport, Restarts

FLOWER = "flower"
COMPONENTS = ("api-server", "dag-processor", FLOWER, "scheduler", "triggerer", "webserver", "worker")
"""Values of the label ``component`` in Airflow's Helm chart that stand for Airflow itself.

Flower counts where it runs from Airflow's image, as it does by default."""

MIGRATIONS = "run-airflow-migrations"
"""The same label of the Job that migrates Airflow's database; the pods of Airflow wait for it."""

Json = Mapping[str, Any]

_TASK_LABELS = ("dag_id", "kubernetes_executor", "kubernetes_pod_operator", "airflow-worker")
_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_STARTING = ("ContainerCreating", "PodInitializing")
_FAILED = ("IMAGE-PULL", "CRASH-LOOP", "CANNOT-START", "CRASHED")
_GRAVEST_FIRST = (*_FAILED, "INIT-RUNNING", "STARTING")


def check_release(
    image: str | None,
    pods: Iterable[Json],
    workloads: Iterable[Json] | None,
    required: Sequence[str] = (),
) -> PodsReport:
    """Say whether a release runs an image and is ready.

    :param image: the image that every component must run; a tag alone will do. None asks for readiness only.
    :param pods: the release's pods.
    :param workloads: its Deployments and StatefulSets, which tell how many pods there must be; None where
        they may not be read. Then a component is as large as it is.
    :param required: components that must be there, with one pod at least; by default a scheduler.
    """
    wanted = ImageReference.read(image) if image else None
    needed = set(required or ("scheduler",))
    live = [pod for pod in pods if _counts(pod)]
    known = [one for one in workloads or () if _component(one) in COMPONENTS]
    if FLOWER not in needed:
        live, known = _without_foreign_flower(live, known)
    components: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for name in sorted({_component(one) for one in (*live, *known)} | needed):
        own = [pod for pod in live if _component(pod) == name]
        sizes = [one for one in known if _component(one) == name]
        size = max(sum(map(_replicas, sizes)), int(name in needed))
        found = tuple(_check_component(name, wanted, own, sizes, size))
        troubled = {finding.pod for finding in found}
        good = sum(_name(pod) not in troubled for pod in own)
        components.append((name, f"{good}/{max(len(own), size)}"))
        findings += found
    return PodsReport(tuple(components), tuple(findings), tuple(_restarts(live)))


def check_migrations(pods: Iterable[Json]) -> Finding | None:
    """Say why the migration of Airflow's database failed.

    :param pods: the pods of its Job.
    :return: what is wrong with the latest of them; None where it does not fail.
    """
    latest = max(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", default=None)
    trouble = _trouble(MIGRATIONS, latest) if latest is not None else None
    return trouble if trouble is not None and trouble.code in _FAILED else None


def _check_component(
    name: str, wanted: ImageReference | None, pods: Sequence[Json], workloads: Sequence[Json], size: int
) -> Iterator[Finding]:
    if not pods and not workloads:
        yield Finding("NO-COMPONENT", name, "there is none: no pod and nothing that would make one")
        return
    found = [finding for pod in pods if (finding := _check_pod(name, wanted, pod)) is not None]
    good = len(pods) - len(found)
    for workload in workloads:
        image = _image(workload)
        if wanted is not None and not wanted.may_be(image):
            yield Finding("OLD-IMAGE", name, f"{_kind(workload)} makes pods with {image}, not {wanted}")
    yield from found
    if good < size and not found:
        why = " ".join(_complaints(workloads))
        yield Finding("TOO-FEW-PODS", name, f"{good} of {size} pods are there. {why}".rstrip())


def _check_pod(name: str, wanted: ImageReference | None, pod: Json) -> Finding | None:
    trouble = _trouble(name, pod)
    image, pulled = _image(pod), _pulled(pod)
    if wanted is None or wanted.is_met_by(image, pulled):
        return trouble
    if wanted.may_be(image):
        if trouble is not None and not pulled:
            return trouble
        image = f"{image} ({pulled or 'no digest is known'})"
    return Finding("OLD-IMAGE", name, f"{_name(pod)} runs {image}, not {wanted}", _name(pod))


def _trouble(name: str, pod: Json) -> Finding | None:
    """Say why a pod is not ready; None where it is."""
    if _condition(pod, "Ready").get("status") == "True":
        return None
    troubles = list(_container_troubles(pod))
    if troubles:
        container, code, message = min(troubles, key=lambda trouble: _GRAVEST_FIRST.index(trouble[1]))
        return Finding(code, name, f"{_name(pod)}/{container}: {message}", _name(pod), container)
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return Finding("PENDING", name, f"{_name(pod)} has no node: {_words(scheduled)}", _name(pod))
    slow = (status["name"] for status in _statuses(pod) if not status.get("ready"))
    return Finding(
        "NOT-READY",
        name,
        f"{_name(pod)} is {pod.get('status', {}).get('phase', 'unknown')} and not ready. "
        f"{_words(_condition(pod, 'Ready'))}".rstrip(),
        _name(pod),
        next(slow, _main(pod).get("name")),
    )


def _container_troubles(pod: Json) -> Iterator[tuple[str, str, str]]:
    """Yield container, code and message."""
    for status in _statuses(pod):
        found = _check_container(status)
        if found is not None:
            yield status["name"], *found
    for status in _unfinished(pod):
        ended = _ended_before(status)
        yield status["name"], "INIT-RUNNING", f"this init container has not ended. {ended}".rstrip()


def _unfinished(pod: Json) -> Iterator[Json]:
    """Yield init containers that run and hold the others up. Sidecars among them do so until they started."""
    declared = pod.get("spec", {}).get("initContainers") or ()
    sidecars = [one.get("name") for one in declared if one.get("restartPolicy") == "Always"]
    for status in pod.get("status", {}).get("initContainerStatuses") or ():
        started = status["name"] in sidecars and status.get("started")
        if "running" in status.get("state", {}) and not started:
            yield status


def _check_container(status: Json) -> tuple[str, str] | None:
    waiting = status.get("state", {}).get("waiting") or {}
    ended = status.get("state", {}).get("terminated") or {}
    reason = waiting.get("reason", "")
    if reason in _PULL:
        return "IMAGE-PULL", f"{_words(waiting)} ({status.get('image', '')})"
    if reason == "CrashLoopBackOff":
        return "CRASH-LOOP", f"{_words(waiting)}. {_ended_before(status)}"
    if reason in _STARTING:
        return "STARTING", _words(waiting)
    if reason:
        return "CANNOT-START", _words(waiting)
    if ended and ended.get("exitCode", 0) != 0:
        return "CRASHED", _end(ended)
    return None


def _counts(pod: Json) -> bool:
    """Leave out task pods, pods that have ended, and those that are on their way out with what they do."""
    labels = pod["metadata"].get("labels") or {}
    if _component(pod) not in COMPONENTS or any(label in labels for label in _TASK_LABELS):
        return False
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


def _component(thing: Json) -> str:
    return str((thing["metadata"].get("labels") or {}).get("component", ""))


def _name(thing: Json) -> str:
    return str(thing["metadata"]["name"])


def _kind(workload: Json) -> str:
    return f"{workload.get('kind') or 'the workload'} {_name(workload)}"


def _replicas(workload: Json) -> int:
    replicas = workload.get("spec", {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _main(thing: Json) -> Json:
    """Return the container of the component itself; the chart gives it the component's name.

    :param thing: a pod, or a workload that makes pods.
    """
    spec = thing.get("spec", {})
    spec = spec.get("template", {}).get("spec", {}) if "template" in spec else spec
    containers: Sequence[Json] = spec.get("containers") or ({},)
    return next((one for one in containers if one.get("name") == _component(thing)), containers[0])


def _image(thing: Json) -> str:
    return str(_main(thing).get("image", ""))


def _pulled(pod: Json) -> str:
    """Return what was pulled for the component's container, with its digest."""
    main = _main(pod).get("name")
    return next((status.get("imageID") or "" for status in _statuses(pod) if status["name"] == main), "")


def _without_foreign_flower(pods: Sequence[Json], workloads: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Leave Flower out where it comes from another repository than all of Airflow."""

    def repository(thing: Json) -> str | None:
        return ImageReference.read(_image(thing)).repository

    ours = {repository(one) for one in (*pods, *workloads) if _component(one) != FLOWER}

    def counts(thing: Json) -> bool:
        return _component(thing) != FLOWER or repository(thing) in ours

    return list(filter(counts, pods)), list(filter(counts, workloads))


def _statuses(pod: Json) -> Iterator[Json]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _restarts(pods: Iterable[Json]) -> Iterator[Restarts]:
    for pod in pods:
        for status in _statuses(pod):
            count = int(status.get("restartCount") or 0)
            if count:
                yield Restarts(_component(pod), _name(pod), status["name"], count, _end(_last(status)))


def _condition(thing: Json, kind: str) -> Json:
    conditions = thing.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def _complaints(workloads: Iterable[Json]) -> Iterator[str]:
    """Yield why a workload cannot make its pods, in Kubernetes' words: a quota, an admission rule."""
    for workload in workloads:
        for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False")):
            condition = _condition(workload, kind)
            if condition.get("status") == bad:
                yield f"{_kind(workload)}: {_words(condition)}."
        if not _replicas(workload):
            yield f"{_kind(workload)} has 0 replicas."


def _words(thing: Json) -> str:
    """Return Kubernetes' words, which may be those of the program that it ran."""
    texts = (str(thing.get(name) or "").strip().rstrip(".") for name in ("reason", "message"))
    return redact(": ".join(text for text in texts if text))


def _last(status: Json) -> Json:
    last: Json = status.get("lastState", {}).get("terminated") or {}
    return last


def _ended_before(status: Json) -> str:
    count = status.get("restartCount") or 0
    return f"Restarted {count} times. {_end(_last(status))}".rstrip() if count else ""


def _end(terminated: Json) -> str:
    if not terminated:
        return ""
    return f"It ended with {terminated.get('exitCode')} ({_words(terminated) or 'no reason given'})"
