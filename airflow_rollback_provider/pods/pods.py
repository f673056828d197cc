# SPDX-License-Identifier: Apache-2.0
"""Checks whether the Airflow components of a release run an image and are ready.

Kubernetes objects are plain dicts with the names of its API.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_rollback_provider.domain.arguments import read_time
from airflow_rollback_provider.domain.redaction import redact
from airflow_rollback_provider.pods.report import Finding, PodsReport, Restarts

FLOWER = "flower"
COMPONENTS = ("api-server", "dag-processor", FLOWER, "scheduler", "triggerer", "webserver", "worker")
"""Values of the label ``component`` in Airflow's Helm chart for the parts of Airflow itself.

Flower counts if it runs Airflow's image, as it does by default."""

MIGRATIONS = "run-airflow-migrations"
"""Value of the same label for the Job that migrates Airflow's database; the pods of Airflow wait for it."""

Json = Mapping[str, Any]

# Kubernetes adds these in front of a short image name.
_IMPLIED = ("docker.io/library/", "docker.io/", "index.docker.io/")
_TASK_LABELS = ("dag_id", "kubernetes_executor", "kubernetes_pod_operator", "airflow-worker")
_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_STARTING = ("ContainerCreating", "PodInitializing")
_FAILED = ("IMAGE-PULL", "CRASH-LOOP", "CANNOT-START", "CRASHED")
_GRAVEST_FIRST = (*_FAILED, "INIT-RUNNING", "STARTING")


@dataclass(frozen=True)
class ImageReference:
    """A reference such as ``registry.example.com:5000/team/airflow:release-42@sha256:…``.

    :param repository: everything before the tag; None if it is not known.
    :param tag: the tag; None if a digest stands in its place.
    :param digest: the digest, which identifies the content itself; None if there is none.
    """

    repository: str | None
    tag: str | None
    digest: str | None = None

    @classmethod
    def read(cls, text: str) -> ImageReference:
        """Read a reference.

        A text without slash, colon and digest is a tag alone. A repository without tag and digest has the tag
        ``latest``.
        """
        name, _, digest = text.strip().partition("@")
        if name.startswith("sha256:"):
            return cls(None, None, name)
        for prefix in _IMPLIED:
            name = name.removeprefix(prefix)
        head, slash, tail = name.rpartition("/")
        base, colon, tag = tail.partition(":")
        if colon:
            return cls(f"{head}{slash}{base}", tag, digest or None)
        if digest:
            return cls(name or None, None, digest)
        return cls(name, "latest") if slash else cls(None, name)

    def matches(self, image: str, image_id: str = "") -> bool:
        """Return whether a container runs this image.

        The digest decides if this reference has one, otherwise the tag. The repository is compared if it is
        known.

        :param image: the image in the container's specification.
        :param image_id: the image that was pulled for it, from the container's status.
        """
        other = ImageReference.read(image)
        if self.repository not in (None, other.repository):
            return False
        if self.digest is not None:
            return self.digest == (other.digest or image_id.partition("@")[2])
        return self.tag is not None and self.tag == other.tag

    def may_match(self, image: str) -> bool:
        """Return whether an image may be this one: the digest of a tag is known only after the pull."""
        other = ImageReference.read(image)
        if self.digest is None or other.digest is not None:
            return self.matches(image)
        return self.repository in (None, other.repository) and self.tag in (None, other.tag)

    def __str__(self) -> str:
        if self.repository is None:
            return f"the digest {self.digest}" if self.digest else f"the tag {self.tag}"
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}@{self.digest}" if self.digest else f"{self.repository}{tag}"


def check_release(
    image: str | None,
    pods: Iterable[Json],
    workloads: Iterable[Json] | None,
    required: Sequence[str] = (),
    since: datetime | None = None,
) -> PodsReport:
    """Check whether a release runs an image and is ready.

    :param image: the image that every component must run; a tag is enough. None requires readiness only.
    :param workloads: its Deployments and StatefulSets, which define how many pods there must be. None if the
        token may not read them; then the pods that exist are enough.
    :param required: components that must exist, with one pod at least; by default a scheduler.
    :param since: when the rollback was submitted. A pod that was created before is not of this rollback, even
        if it runs the image. None accepts pods of any age.
    """
    expected = ImageReference.read(image) if image else None
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
        found = tuple(_check_component(name, own, sizes, size, expected, since))
        with_finding = {finding.pod for finding in found}
        good = sum(_name(pod) not in with_finding for pod in own)
        components.append((name, f"{good}/{max(len(own), size)}"))
        findings += found
    return PodsReport(tuple(components), tuple(findings), tuple(_restarts(live)))


def check_migrations(pods: Iterable[Json]) -> Finding | None:
    """Check the migration of Airflow's database.

    :param pods: the pods of its Job.
    :return: why the latest of them failed; None if it did not.
    """
    latest = max(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", default=None)
    finding = _not_ready(MIGRATIONS, latest) if latest is not None else None
    return finding if finding is not None and finding.code in _FAILED else None


def _check_component(
    name: str,
    pods: Sequence[Json],
    workloads: Sequence[Json],
    size: int,
    expected: ImageReference | None,
    since: datetime | None,
) -> Iterator[Finding]:
    if not pods and not workloads:
        yield Finding("NO-COMPONENT", name, "it does not exist: no pod and no workload that creates one")
        return
    found = [finding for pod in pods if (finding := _check_pod(name, pod, expected, since)) is not None]
    good = len(pods) - len(found)
    for workload in workloads:
        image = _image(workload)
        if expected is not None and not expected.may_match(image):
            yield Finding("OLD-IMAGE", name, f"{_kind(workload)} creates pods with {image}, not {expected}")
        if (why := _unfinished_rollout(workload)) is not None:
            yield Finding("ROLLING-OUT", name, f"{_kind(workload)}: {why}")
    yield from found
    if good < size and not found:
        why = " ".join(_complaints(workloads))
        yield Finding("TOO-FEW-PODS", name, f"{good} of {size} pods exist. {why}".rstrip())


def _unfinished_rollout(workload: Json) -> str | None:
    """Return why the latest change of a workload has not reached all its pods; None if it has."""
    status = workload.get("status", {})
    if (status.get("observedGeneration") or 0) < (workload["metadata"].get("generation") or 0):
        return "Kubernetes has not begun its latest change"
    earlier = (status.get("replicas") or 0) - (status.get("updatedReplicas") or 0)
    return f"{earlier} pods are from before its latest change" if earlier > 0 else None


def _check_pod(
    name: str, pod: Json, expected: ImageReference | None, since: datetime | None
) -> Finding | None:
    finding = _not_ready(name, pod)
    image, pulled = _image(pod), _pulled(pod)
    if expected is None or expected.matches(image, pulled):
        return _old_pod(name, pod, since) or finding
    if expected.may_match(image):
        if finding is not None and not pulled:
            return finding
        image = f"{image} ({pulled or 'no digest is known'})"
    return Finding("OLD-IMAGE", name, f"{_name(pod)} runs {image}, not {expected}", _name(pod))


def _old_pod(name: str, pod: Json, since: datetime | None) -> Finding | None:
    if since is None:
        return None
    created = read_time(pod["metadata"]["creationTimestamp"])
    if created >= since.replace(microsecond=0):  # Kubernetes cuts the decimals off
        return None
    words = f"{_name(pod)} was created at {created.isoformat()}, before the rollback at {since.isoformat()}"
    return Finding("OLD-POD", name, words, _name(pod))


def _not_ready(name: str, pod: Json) -> Finding | None:
    """Return why a pod is not ready; None if it is ready."""
    if _condition(pod, "Ready").get("status") == "True":
        return None
    problems = list(_container_problems(pod))
    if problems:
        container, code, message = min(problems, key=lambda problem: _GRAVEST_FIRST.index(problem[1]))
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


def _container_problems(pod: Json) -> Iterator[tuple[str, str, str]]:
    """Yield container, code and message."""
    for status in _statuses(pod):
        found = _check_container(status)
        if found is not None:
            yield status["name"], *found
    for status in _unfinished(pod):
        ended = _ended_before(status)
        yield status["name"], "INIT-RUNNING", f"this init container has not ended. {ended}".rstrip()


def _unfinished(pod: Json) -> Iterator[Json]:
    """Yield the init containers that run and delay the others. A sidecar delays them until it has started."""
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
    """Return whether a pod counts: not a task's pod, not ended, and not being deleted."""
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
    """Return the container of the component itself; the chart gives it the name of the component.

    :param thing: a pod, or a workload that creates pods.
    """
    spec = thing.get("spec", {})
    spec = spec.get("template", {}).get("spec", {}) if "template" in spec else spec
    containers: Sequence[Json] = spec.get("containers") or ({},)
    return next((one for one in containers if one.get("name") == _component(thing)), containers[0])


def _image(thing: Json) -> str:
    return str(_main(thing).get("image", ""))


def _pulled(pod: Json) -> str:
    """Return the image that was pulled for the component's container, with its digest."""
    main = _main(pod).get("name")
    return next((status.get("imageID") or "" for status in _statuses(pod) if status["name"] == main), "")


def _without_foreign_flower(pods: Sequence[Json], workloads: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Leave Flower out if its image comes from another repository than those of all other components."""

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
    """Yield why a workload cannot create its pods, in Kubernetes' words: a quota, an admission rule."""
    for workload in workloads:
        for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False")):
            condition = _condition(workload, kind)
            if condition.get("status") == bad:
                yield f"{_kind(workload)}: {_words(condition)}."
        if not _replicas(workload):
            yield f"{_kind(workload)} has 0 replicas."


def _words(thing: Json) -> str:
    """Return Kubernetes' message without credentials: it may quote the program's own output."""
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
