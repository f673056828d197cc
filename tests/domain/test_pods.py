# SPDX-License-Identifier: Apache-2.0
"""Whether a release runs an image and is ready: one line for each way in which it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.images import ImageReference
from airflow_rollback_provider.domain.pods import PodsOutcome, PodsReport, judge_release
from tests.support.pods import NEW, OLD, RUNNING, container_status, pod, waiting, workload

GONE = {"deletionTimestamp": "2026-11-23T12:00:00Z"}
UNSCHEDULED = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no memory."}
]


def codes(report: PodsReport) -> list[str]:
    """The codes of all that is wrong."""
    return [finding.code for finding in report.findings]


def judged(*pods: dict[str, Any], workloads: Any = None, **kwargs: Any) -> PodsReport:
    """Judge a release that must run the new image."""
    return judge_release(kwargs.pop("image", NEW), pods, workloads, **kwargs)


READY = [
    ([pod()], {}),
    ([pod(), pod("worker", name="w1"), pod("worker", name="w2")], {}),
    ([pod()], {"image": "release-42"}),
    ([pod(image=OLD)], {"image": None}),
    ([pod(), pod(image=OLD, name="old", metadata=GONE)], {}),
    ([pod(), pod(image=OLD, name="evicted", phase="Failed")], {}),
    ([pod(), pod("worker", OLD, name="task", labels={"dag_id": "orders"})], {}),
    ([pod(), pod("worker", OLD, name="task", labels={"kubernetes_executor": "True"})], {}),
    ([pod(), pod("redis", "redis:7")], {}),
    ([pod()], {"workloads": [workload()]}),
    ([pod()], {"workloads": [workload(), workload("worker", replicas=0)]}),
    ([pod()], {"workloads": [workload(replicas=None)]}),
]


@pytest.mark.parametrize(("pods", "kwargs"), READY, ids=range(len(READY)))
def test_ready(pods: list[Any], kwargs: dict[str, Any]) -> None:
    """What does not belong to Airflow's components, has ended or is being stopped does not count."""
    assert judged(*pods, **kwargs).ready


CRASHED = {"restartCount": 7, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
NOT_READY = [
    ("OLD-IMAGE", "release-41", [pod(image=OLD)], {}),
    ("OLD-IMAGE", "release-41", [pod(), pod("worker", OLD)], {}),
    ("IMAGE-PULL", "not found", [pod(state=waiting("ImagePullBackOff", "tag not found"))], {}),
    ("IMAGE-PULL", "ErrImagePull", [pod(state=waiting("ErrImagePull"))], {}),
    ("CRASH-LOOP", "OOMKilled", [pod(state=waiting("CrashLoopBackOff"), status=CRASHED)], {}),
    ("CRASH-LOOP", "7 times", [pod(state=waiting("CrashLoopBackOff"), status=CRASHED)], {}),
    ("CANNOT-START", "no secret", [pod(state=waiting("CreateContainerConfigError", "no secret x"))], {}),
    ("CRASHED", "ended with 1", [pod(state={"terminated": {"exitCode": 1, "reason": "Error"}})], {}),
    ("STARTING", "ContainerCreating", [pod(state=waiting("ContainerCreating"))], {}),
    ("NOT-READY", "not ready", [pod(ready=False)], {}),
    ("PENDING", "no memory", [pod(state=waiting(""), conditions=UNSCHEDULED, phase="Pending")], {}),
    ("NO-COMPONENT", "scheduler", [], {}),
    ("NO-COMPONENT", "triggerer", [pod()], {"required": ["triggerer"]}),
    ("TOO-FEW-PODS", "0 of 1", [pod("triggerer")], {"workloads": [workload(), workload("triggerer")]}),
    ("TOO-FEW-PODS", "1 of 3", [pod()], {"workloads": [workload(replicas=3)]}),
    ("OLD-IMAGE", "makes pods with", [pod()], {"workloads": [workload(), workload("worker", OLD, 0)]}),
]


@pytest.mark.parametrize(
    ("code", "words", "pods", "kwargs"), NOT_READY, ids=[f"{row[0]}-{n}" for n, row in enumerate(NOT_READY)]
)
def test_not_ready(code: str, words: str, pods: list[Any], kwargs: dict[str, Any]) -> None:
    """One finding with its code and Kubernetes' own words."""
    (finding,) = judged(*pods, **kwargs).findings
    assert finding.code == code
    assert words in str(finding)


def test_the_gravest_trouble_of_a_pod_is_told() -> None:
    """While an init container cannot be pulled, the others are merely starting."""
    init = [container_status("wait-for-migrations", NEW, waiting("ImagePullBackOff"))]
    (finding,) = judged(pod(state=waiting("PodInitializing"), init=init)).findings
    assert (finding.code, finding.container) == ("IMAGE-PULL", "wait-for-migrations")


def test_why_a_workload_cannot_make_its_pods() -> None:
    """Nobody sees it at the pods, because there are none."""
    full = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    report = judged(workloads=[workload(conditions=[full])])
    assert codes(report) == ["TOO-FEW-PODS"]
    assert "exceeded quota" in report.findings[0].message


def test_a_rollout_that_is_stuck() -> None:
    """The old pod still serves while the new one cannot be pulled: both are told."""
    new = pod(name="new", state=waiting("ImagePullBackOff"))
    report = judged(pod(image=OLD, name="old"), new, workloads=[workload()])
    assert sorted(codes(report)) == ["IMAGE-PULL", "OLD-IMAGE"]
    assert dict(report.components) == {"scheduler": "0/2"}


def test_restarts_are_counted() -> None:
    """To see a component that crashes again and again while it is ready."""
    assert judged(pod(status={"restartCount": 3}), pod("worker", status={"restartCount": 2})).restarts == 5


@pytest.mark.parametrize(
    ("wanted", "image", "met"),
    [
        ("r/a:1", "r/a:1", True),
        ("r/a:1", "r/a:1@sha256:abc", True),
        ("r/a:1@sha256:abc", "r/a:1", True),
        ("r/a:1", "r/b:1", False),
        ("r/a:1", "r/a:2", False),
        ("r:5000/a:1", "r:5000/a:1", True),
        ("r:5000/a", "r:5000/a:latest", True),
        ("1", "r/a:1", True),
        ("release-42", "r:5000/a:release-42", True),
        ("docker.io/apache/airflow:3", "apache/airflow:3", True),
        ("airflow:3", "docker.io/library/airflow:3", True),
    ],
)
def test_images(wanted: str, image: str, met: bool) -> None:
    """Compared by repository and tag, by the tag alone where no more is known."""
    assert ImageReference.read(wanted).is_met_by(image) is met


STATES = st.sampled_from([
    RUNNING,
    waiting("ImagePullBackOff"),
    waiting("CrashLoopBackOff"),
    waiting("ContainerCreating"),
    waiting("SomethingNew", "of a later Kubernetes"),
    {"terminated": {"exitCode": 0}},
    {"terminated": {"exitCode": 2}},
    {},
])
PODS = st.builds(
    lambda component, image, state, ready, number: pod(
        component, image, state=state, ready=ready, name=f"p{number}"
    ),
    st.sampled_from(["scheduler", "worker", "triggerer", "api-server"]),
    st.sampled_from([OLD, NEW]),
    STATES,
    st.booleans(),
    st.integers(0, 10**9),
)
WORKLOADS = st.none() | st.lists(
    st.builds(
        workload, st.sampled_from(["scheduler", "worker"]), st.sampled_from([OLD, NEW]), st.integers(0, 3)
    ),
    max_size=4,
)


@given(st.lists(PODS, max_size=6), WORKLOADS)
def test_ready_means_that_every_pod_is(pods: list[dict[str, Any]], workloads: Any) -> None:
    """Never is a release called ready that has an old image, a pod that is not ready, or no scheduler."""
    report = judge_release(NEW, pods, workloads)
    if report.ready:
        assert all(one["spec"]["containers"][1]["image"] == NEW for one in pods)
        assert all(one["status"]["conditions"][0]["status"] == "True" for one in pods)
        assert "scheduler" in dict(report.components)
    else:
        assert all(finding.code and finding.message for finding in report.findings)
    outcome = PodsOutcome(report.ready, report)
    assert PodsOutcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome


@pytest.mark.parametrize("image", [NEW, None])
def test_empty_objects_break_nothing(image: str | None) -> None:
    """The API leaves out what is not set."""
    bare = {"metadata": {"name": "p", "labels": {"component": "scheduler"}}}
    assert not judge_release(image, [bare], [bare]).ready
    assert not judge_release(image, [{"metadata": {"name": "p"}}], []).ready
