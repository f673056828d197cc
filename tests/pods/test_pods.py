# SPDX-License-Identifier: Apache-2.0
"""Checks of pods and workloads: one case for each way in which a release is not ready."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import (
    AccessDenied,
    BadInput,
    NoClusterAccess,
    PermissionMissing,
    PlatformFailed,
    RollbackError,
)
from airflow_rollback_provider.pods.pods import check_migrations, check_release
from airflow_rollback_provider.pods.report import PodsOutcome, PodsReport, broken_off
from tests.support.pods import (
    NEW,
    OLD,
    REPOSITORY,
    RUNNING,
    container_status,
    migrations,
    pod,
    waiting,
    workload,
)

PINNED = f"{NEW}@sha256:aaa"
PULLED, OTHER = ({"imageID": f"{REPOSITORY}@sha256:{digest}"} for digest in ("aaa", "bbb"))
GONE = {"deletionTimestamp": "2026-11-23T12:00:00Z"}
LONG_AGO = {"name": "old", "creationTimestamp": "2026-11-20T12:00:00Z"}
JUST_BEFORE, JUST_AFTER = (datetime(2026, 11, 23, 12, 0, s, 900_000, timezone.utc) for s in (0, 1))
UNSCHEDULED = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no memory."}
]


def codes(report: PodsReport) -> list[str]:
    """The codes of all findings."""
    return [finding.code for finding in report.findings]


def rollout(**status: int) -> dict[str, Any]:
    """A workload that was changed twice."""
    made = workload()
    return {**made, "metadata": {**made["metadata"], "generation": 3}, "status": status}


def check(*pods: dict[str, Any], workloads: Any = None, **kwargs: Any) -> PodsReport:
    """Check a release that must run the new image."""
    return check_release(kwargs.pop("image", NEW), pods, workloads, **kwargs)


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
    ([pod(image=PINNED)], {"image": PINNED, "workloads": [workload(image=PINNED)]}),
    ([pod(status=PULLED)], {"image": PINNED, "workloads": [workload(), workload("worker", replicas=0)]}),
    ([pod(), pod("flower")], {}),
    ([pod(), pod("flower", "mher/flower:2", ready=False)], {"workloads": [workload()]}),
    ([pod()], {"workloads": [workload(), workload("flower", "mher/flower:2")]}),
    ([pod()], {"since": JUST_BEFORE}),
    ([pod(), pod(metadata={**GONE, **LONG_AGO})], {"since": JUST_BEFORE}),
    ([pod()], {"workloads": [rollout(observedGeneration=3, replicas=1, updatedReplicas=1)]}),
]


@pytest.mark.parametrize(("pods", "kwargs"), READY, ids=range(len(READY)))
def test_ready(pods: list[Any], kwargs: dict[str, Any]) -> None:
    """Pods of other components, ended pods and pods that are being deleted do not count."""
    assert check(*pods, **kwargs).ready


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
    ("OLD-IMAGE", "creates pods with", [pod()], {"workloads": [workload(), workload("worker", OLD, 0)]}),
    ("OLD-IMAGE", "sha256:bbb), not", [pod(status=OTHER)], {"image": PINNED}),
    ("OLD-IMAGE", "no digest", [pod()], {"image": PINNED}),
    ("OLD-IMAGE", "release-41, not", [pod(image=OLD, status=OTHER, ready=False)], {"image": PINNED}),
    ("OLD-IMAGE", "creates", [pod(status=PULLED)], {"image": PINNED, "workloads": [workload(image=OLD)]}),
    ("STARTING", "Container", [pod(state=waiting("ContainerCreating"))], {"image": PINNED}),
    ("TOO-FEW-PODS", "has 0 replicas", [], {"workloads": [workload(replicas=0)]}),
    (
        "TOO-FEW-PODS",
        "0 of 1",
        [pod()],
        {"workloads": [workload(), workload("triggerer", replicas=0)], "required": ["triggerer"]},
    ),
    ("OLD-IMAGE", "release-41", [pod(), pod("flower", OLD)], {}),
    ("NOT-READY", "flower", [pod(), pod("flower", ready=False)], {"image": None}),
    ("NO-COMPONENT", "flower", [pod()], {"required": ["flower"]}),
    ("OLD-POD", "before the rollback at", [pod()], {"since": JUST_AFTER}),
    ("OLD-POD", "12:00:00", [pod()], {"since": JUST_AFTER, "image": None}),
    ("OLD-POD", "created at", [pod(status=PULLED)], {"since": JUST_AFTER, "image": PINNED}),
    ("OLD-POD", "old was", [pod(), pod("worker", metadata=LONG_AGO)], {"since": JUST_BEFORE}),
    ("OLD-POD", "created at", [pod(ready=False)], {"since": JUST_AFTER}),
    ("OLD-IMAGE", "release-41", [pod(image=OLD)], {"since": JUST_AFTER}),
    ("ROLLING-OUT", "not begun", [pod()], {"workloads": [rollout(observedGeneration=2)]}),
    ("ROLLING-OUT", "not begun", [pod()], {"workloads": [rollout()]}),
    (
        "ROLLING-OUT",
        "2 pods are from before",
        [pod()],
        {"workloads": [rollout(observedGeneration=3, replicas=3, updatedReplicas=1)]},
    ),
    ("OLD-IMAGE", "mher/flower", [pod(), pod("flower", "mher/flower:2")], {"required": ["flower"]}),
]


@pytest.mark.parametrize(
    ("code", "words", "pods", "kwargs"), NOT_READY, ids=[f"{row[0]}-{n}" for n, row in enumerate(NOT_READY)]
)
def test_not_ready(code: str, words: str, pods: list[Any], kwargs: dict[str, Any]) -> None:
    """One finding with its code and Kubernetes' own message."""
    (finding,) = check(*pods, **kwargs).findings
    assert finding.code == code
    assert words in str(finding)


def test_gravest_problem_of_a_pod_is_reported() -> None:
    """While an init container cannot be pulled, the others are merely starting."""
    init = [container_status("wait-for-migrations", NEW, waiting("ImagePullBackOff"))]
    (finding,) = check(pod(state=waiting("PodInitializing"), init=init)).findings
    assert (finding.code, finding.container) == ("IMAGE-PULL", "wait-for-migrations")


WAITS = "wait-for-airflow-migrations"
INITIALIZING = waiting("PodInitializing")


def test_an_init_container_that_does_not_end() -> None:
    """The finding names the init container, not the container that waits for it."""
    init = [
        container_status("first", NEW, {"terminated": {"exitCode": 0}}),
        container_status(WAITS, NEW, RUNNING, ready=False),
    ]
    (finding,) = check(pod(state=INITIALIZING, init=init)).findings
    assert (finding.code, finding.container) == ("INIT-RUNNING", WAITS)
    assert "has not ended" in finding.message
    assert "Restarted" not in finding.message


def test_an_init_container_that_is_tried_again_and_again() -> None:
    """While it runs again, the finding shows the number of restarts and how it ended before."""
    failed = {"restartCount": 4, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}
    (finding,) = check(
        pod(state=INITIALIZING, init=[container_status(WAITS, NEW, RUNNING, **failed)])
    ).findings
    assert finding.code == "INIT-RUNNING"
    assert "Restarted 4 times. It ended with 1 (Error)" in finding.message


def test_a_sidecar_among_the_init_containers_keeps_running() -> None:
    """It never ends. It delays the others only until it has started."""
    spec = {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}
    started = [container_status("proxy", "proxy:1", RUNNING, started=True)]
    (finding,) = check(pod(ready=False, init=started, spec=spec)).findings
    assert (finding.code, finding.container) == ("NOT-READY", "scheduler")
    delayed = [container_status("proxy", "proxy:1", RUNNING, started=False)]
    (finding,) = check(pod(state=INITIALIZING, init=delayed, spec=spec)).findings
    assert (finding.code, finding.container) == ("INIT-RUNNING", "proxy")


@pytest.mark.parametrize(
    ("pods", "code"),
    [
        ([], None),
        ([migrations()], None),
        ([migrations(phase="Succeeded")], None),
        ([migrations(state={"terminated": {"exitCode": 1}}, phase="Failed")], "CRASHED"),
        ([migrations(state=waiting("CrashLoopBackOff"))], "CRASH-LOOP"),
        ([migrations(state=waiting("ImagePullBackOff"))], "IMAGE-PULL"),
        ([migrations(state=waiting("ContainerCreating"))], None),
        ([migrations(state={"terminated": {"exitCode": 1}}), migrations(phase="Succeeded", age=0)], None),
        ([migrations(age=0, state=waiting("CrashLoopBackOff")), migrations()], "CRASH-LOOP"),
    ],
    ids=range(9),
)
def test_migrations(pods: list[dict[str, Any]], code: str | None) -> None:
    """The latest pod of the Job decides whether the migration of the database failed."""
    finding = check_migrations(pods)
    assert (finding.code if finding else None) == code
    assert finding is None or finding.component == "run-airflow-migrations"


def test_kubernetes_words_without_credentials() -> None:
    """A termination message may be the tail of a log."""
    ended = {"terminated": {"exitCode": 1, "message": "no postgresql://u:s3cret@db/airflow"}}
    (finding,) = check(pod(state=ended)).findings
    assert "postgresql://***@db" in finding.message


def test_why_a_workload_cannot_make_its_pods() -> None:
    """The workload's condition is the only evidence: there is no pod."""
    full = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    report = check(workloads=[workload(conditions=[full])])
    assert codes(report) == ["TOO-FEW-PODS"]
    assert "exceeded quota" in report.findings[0].message


def test_a_rollout_that_is_stuck() -> None:
    """The old pod still serves while the new image cannot be pulled: both are reported."""
    new = pod(name="new", state=waiting("ImagePullBackOff"))
    report = check(pod(image=OLD, name="old"), new, workloads=[workload()])
    assert sorted(codes(report)) == ["IMAGE-PULL", "OLD-IMAGE"]
    assert dict(report.components) == {"scheduler": "0/2"}


def test_restarts_are_counted() -> None:
    """The report counts restarts, which find a component that crashes repeatedly while it is ready."""
    last = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    restarted = pod(status={"restartCount": 3, "lastState": last})
    report = check(restarted, pod("worker", status={"restartCount": 2}), pod("triggerer"))
    assert report.restarts == 5
    one = report.restarted[0]
    assert (one.component, one.pod, one.container) == ("scheduler", "orders-scheduler-0", "scheduler")
    assert "OOMKilled" in one.ended


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
    """A release with an old image, a pod that is not ready, or no scheduler is never ready."""
    report = check_release(NEW, pods, workloads)
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
    assert not check_release(image, [bare], [bare]).ready
    assert not check_release(image, [{"metadata": {"name": "p"}}], []).ready


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermissionMissing("no"), AccessDenied),
        (NoClusterAccess("no"), NoClusterAccess),
        (BadInput("no"), BadInput),
        (PlatformFailed("no"), None),
        (KeyError("no"), None),
    ],
)
def test_error_ends_the_wait(error: Exception, kind: type[RollbackError] | None) -> None:
    """An error that no retry can cure keeps its class on the way through the database."""
    outcome = PodsOutcome.from_dict(json.loads(json.dumps(broken_off(error).to_dict())))
    refusal = outcome.refused()
    assert type(refusal) is (kind or type(None))
    assert "no" in str(outcome.problem)
    assert refusal is None or (str(refusal) == "no" and not refusal.retryable)


def test_event_without_refusal() -> None:
    """An event of an earlier version has no ``refusal``: a retry may help."""
    outcome = PodsOutcome.from_dict({"ready": False, "report": None, "problem": "away"})
    assert (outcome.problem, outcome.refused()) == ("away", None)


def test_outcome_of_an_error_has_no_credentials() -> None:
    """The outcome is stored in Airflow's database."""
    assert "s3cret" not in json.dumps(broken_off(OSError("http://u:s3cret@proxy:3128 is away")).to_dict())
