# SPDX-License-Identifier: Apache-2.0
"""Whether the Airflow components of a release run an image and are ready; judged from what Kubernetes shows.

Objects are taken as the API writes them: plain dicts with its own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow_rollback_provider.domain.images import ImageReference

COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer", "webserver", "worker")
"""Values of the label ``component`` in Airflow's Helm chart that stand for Airflow itself."""

Json = Mapping[str, Any]

_TASK_LABELS = ("dag_id", "kubernetes_executor", "kubernetes_pod_operator", "airflow-worker")
_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_STARTING = ("ContainerCreating", "PodInitializing")
_GRAVEST_FIRST = ("IMAGE-PULL", "CRASH-LOOP", "CANNOT-START", "CRASHED", "STARTING")


@dataclass(frozen=True)
class Finding:
    """Why something does not run as expected.

    :param code: ``OLD-IMAGE``, ``IMAGE-PULL``, ``CRASH-LOOP``, ``CRASHED``, ``CANNOT-START``, ``STARTING``,
        ``NOT-READY``, ``PENDING``, ``TOO-FEW-PODS``, ``NO-COMPONENT``.
    :param component: the Airflow component.
    :param message: what was seen, with Kubernetes' own words.
    :param pod: the pod, where it is about one.
    :param container: the container, where it is about one.
    :param events: the pod's latest events.
    :param log: the tail of the container's log.
    """

    code: str
    component: str
    message: str
    pod: str | None = None
    container: str | None = None
    events: tuple[str, ...] = ()
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.component}: {self.message}"]
        lines += [f"  event: {event}" for event in self.events]
        lines += [f"  log: {line}" for line in self.log]
        return "\n".join(lines)


@dataclass(frozen=True)
class PodsReport:
    """What one look at a release showed.

    :param components: for each component how many pods run the image and are ready, such as ``2/2``.
    :param findings: everything that does not run as expected; empty when the release is ready.
    :param restarts: how often containers of these pods were restarted, all together.
    """

    components: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    restarts: int = 0

    @property
    def ready(self) -> bool:
        """Whether every component runs the image and is ready."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        findings = [
            {**asdict(one), "events": list(one.events), "log": list(one.log)} for one in self.findings
        ]
        return {"components": dict(self.components), "findings": findings, "restarts": self.restarts}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PodsReport:
        """Read what :meth:`to_dict` wrote."""
        findings = tuple(
            Finding(**{**one, "events": tuple(one["events"]), "log": tuple(one["log"])})
            for one in values["findings"]
        )
        return cls(tuple(values["components"].items()), findings, values["restarts"])


@dataclass(frozen=True)
class PodsOutcome:
    """How waiting for a release ended, small enough for an event of a trigger.

    :param ready: whether it is ready.
    :param report: what the last look showed; None where no look succeeded.
    :param problem: why the cluster could not be asked in the end.
    """

    ready: bool
    report: PodsReport | None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; :meth:`from_dict` reads them back."""
        report = self.report.to_dict() if self.report is not None else None
        return {"ready": self.ready, "report": report, "problem": self.problem}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PodsOutcome:
        """Read what :meth:`to_dict` wrote."""
        report = PodsReport.from_dict(values["report"]) if values["report"] is not None else None
        return cls(values["ready"], report, values["problem"])


def judge_release(
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
    :param required: components that must be there; by default a scheduler.
    """
    wanted = ImageReference.read(image) if image else None
    live = [pod for pod in pods if _counts(pod)]
    known = [one for one in workloads or () if _component(one) in COMPONENTS]
    names = sorted({_component(one) for one in (*live, *known)} | set(required or ("scheduler",)))
    components: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for name in names:
        own = [pod for pod in live if _component(pod) == name]
        sizes = [one for one in known if _component(one) == name]
        found = tuple(_judge_component(name, wanted, own, sizes if workloads is not None else None))
        troubled = {finding.pod for finding in found}
        good = sum(_name(pod) not in troubled for pod in own)
        size = max(len(own), sum(map(_replicas, sizes)))
        components.append((name, f"{good}/{size}"))
        findings += found
    return PodsReport(tuple(components), tuple(findings), sum(map(_restarts, live)))


def _judge_component(
    name: str, wanted: ImageReference | None, pods: Sequence[Json], workloads: Sequence[Json] | None
) -> Iterator[Finding]:
    if not pods and not workloads:
        yield Finding("NO-COMPONENT", name, "there is none: no pod and nothing that would make one")
        return
    found = [finding for pod in pods if (finding := _judge_pod(name, wanted, pod)) is not None]
    good = len(pods) - len(found)
    for workload in workloads or ():
        image = _main(_template(workload), name).get("image", "")
        if wanted is not None and not wanted.is_met_by(image):
            yield Finding(
                "OLD-IMAGE", name, f"{_kind(workload)} makes pods with {image}, not {_text(wanted)}"
            )
    yield from found
    size = sum(map(_replicas, workloads or ()))
    if good < size and not found:
        why = " ".join(_complaints(workloads or ()))
        yield Finding("TOO-FEW-PODS", name, f"{good} of {size} pods are there. {why}".rstrip())


def _judge_pod(name: str, wanted: ImageReference | None, pod: Json) -> Finding | None:
    image = _main(pod.get("spec", {}), name).get("image", "")
    if wanted is not None and not wanted.is_met_by(image):
        return Finding("OLD-IMAGE", name, f"{_name(pod)} runs {image}, not {_text(wanted)}", _name(pod))
    if _condition(pod, "Ready").get("status") == "True":
        return None
    troubles = [(status, found) for status in _statuses(pod) if (found := _judge_container(status))]
    if troubles:
        status, (code, message) = min(troubles, key=lambda trouble: _GRAVEST_FIRST.index(trouble[1][0]))
        return Finding(code, name, f"{_name(pod)}/{status['name']}: {message}", _name(pod), status["name"])
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
        next(slow, _main(pod.get("spec", {}), name).get("name")),
    )


def _judge_container(status: Json) -> tuple[str, str] | None:
    waiting = status.get("state", {}).get("waiting") or {}
    ended = status.get("state", {}).get("terminated") or {}
    reason = waiting.get("reason", "")
    if reason in _PULL:
        return "IMAGE-PULL", f"{_words(waiting)} ({status.get('image', '')})"
    if reason == "CrashLoopBackOff":
        last = status.get("lastState", {}).get("terminated") or {}
        return (
            "CRASH-LOOP",
            f"{_words(waiting)}. Restarted {status.get('restartCount', 0)} times. {_end(last)}",
        )
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


def _template(workload: Json) -> Json:
    template: Json = workload.get("spec", {}).get("template", {}).get("spec", {})
    return template


def _replicas(workload: Json) -> int:
    replicas = workload.get("spec", {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _main(spec: Json, component: str) -> Json:
    """Return the container of the component itself; the chart gives it the component's name."""
    containers: Sequence[Json] = spec.get("containers") or ({},)
    return next((one for one in containers if one.get("name") == component), containers[0])


def _statuses(pod: Json) -> Iterator[Json]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _restarts(pod: Json) -> int:
    return sum(int(status.get("restartCount") or 0) for status in _statuses(pod))


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


def _words(thing: Json) -> str:
    texts = (str(thing.get(name) or "").strip().rstrip(".") for name in ("reason", "message"))
    return ": ".join(text for text in texts if text)


def _end(terminated: Json) -> str:
    if not terminated:
        return ""
    return f"It ended with {terminated.get('exitCode')} ({_words(terminated) or 'no reason given'})"


def _text(image: ImageReference) -> str:
    return f"{image.repository}:{image.tag}" if image.repository else f"the tag {image.tag}"
