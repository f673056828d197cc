# SPDX-License-Identifier: Apache-2.0
"""Pod checks against a real API server: findings, evidence, and errors of the cluster."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_rollback_provider.compat import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow_rollback_provider.domain import errors
from airflow_rollback_provider.operators.verify import VerifyPodsOperator
from tests.pods.kubelet import Kubelet
from tests.support.kube import Kube, Namespace
from tests.support.pods import (
    NEW,
    OLD,
    RELEASE,
    RUNNING,
    container_status,
    migrations,
    pod,
    waiting,
    workload,
)
from tests.support.task_run import TaskInstance, run

pytestmark = [
    pytest.mark.timeout(400),
    # The server of the tests signed its certificate itself.
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
    # The Kubernetes client that Airflow 2.10 gets.
    pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning"),
]


@pytest.fixture(params=[False, True], ids=["polling", "deferred"])
def verify(request: pytest.FixtureRequest, namespace: Namespace) -> Any:
    """Make an operator with default arguments; polling and deferred waiting must have the same outcome."""

    def verify(**kwargs: Any) -> VerifyPodsOperator:
        kwargs = {
            "release_name": RELEASE,
            "namespace": namespace.name,
            "image": NEW,
            "min_ready_seconds": 0.0,
            "poll_interval": 0.2,
            "timeout": 120.0,
            "deferrable": request.param,
            **kwargs,
        }
        return VerifyPodsOperator(task_id="verify", **kwargs)

    return verify


def test_a_release_that_is_ready(verify: Any, namespace: Namespace) -> None:
    """The result counts the pods of each component; pods of other releases and of tasks are not read."""
    for component in ("scheduler", "api-server", "triggerer"):
        namespace.put_pod(pod(component))
        namespace.put_workload(workload(component))
    namespace.put_workload(workload("worker", replicas=0), "statefulsets")
    namespace.put_pod(pod("worker", OLD, name="task", labels={"dag_id": "orders"}))
    namespace.put_pod(pod("scheduler", OLD, name="other", labels={"release": "other"}))
    result = run(verify(min_ready_seconds=1.0))
    assert result["ready"]
    assert result["components"] == {
        "api-server": "1/1",
        "scheduler": "1/1",
        "triggerer": "1/1",
        "worker": "0/0",
    }
    assert NEW in result["summary"]


def test_arguments_from_the_rollback_result(verify: Any, namespace: Namespace) -> None:
    """The rollback's result names release and image. Without an image (Dags alone) readiness is required."""
    namespace.put_pod(pod(image=OLD))
    result = {"release_name": RELEASE, "namespace": namespace.name}
    blank: dict[str, Any] = {"release_name": None, "namespace": None, "image": None}
    assert run(verify(rollback=result, **blank))["ready"]
    with pytest.raises(errors.PodsNotReady, match="OLD-IMAGE"):
        run(verify(rollback={**result, "image": NEW}, **{**blank, "timeout": 0.5}))


def test_it_waits_for_a_rollout(verify: Any, namespace: Namespace) -> None:
    """The task waits until the new pod has started and the old one is deleted."""
    old, new = pod(image=OLD, name="old"), pod(name="new", state=waiting("ContainerCreating"))
    namespace.put_pod(old)
    namespace.put_pod(new)

    def roll_out() -> None:
        time.sleep(1)
        namespace.set_status(pod(name="new"))
        time.sleep(1)
        namespace.delete_pod("old")

    thread = threading.Thread(target=roll_out)
    thread.start()
    try:
        assert run(verify())["components"] == {"scheduler": "1/1"}
    finally:
        thread.join()


def test_pods_from_before_the_rollback(verify: Any, namespace: Namespace) -> None:
    """The tag stays: the task waits until no pod from before is left and the rollout is complete."""
    made = workload()
    namespace.put_workload(made)
    before = namespace.put_pod(pod(name="old"))
    result = {"submitted_at": (before + timedelta(seconds=1)).isoformat()}
    with pytest.raises(errors.PodsNotReady, match=r"(?s)0/1\.\nOLD-POD: .* set require_new_pods=False"):
        run(verify(rollback=result, timeout=0.5))
    assert run(verify(rollback=result, require_new_pods=False))["ready"]

    def roll_out() -> None:
        namespace.change_workload(made)
        time.sleep(1)
        namespace.set_workload_status(made, observedGeneration=2, replicas=2, updatedReplicas=1)
        namespace.put_pod(pod(name="new"))
        namespace.delete_pod("old")
        time.sleep(1)
        rolled_out.set()
        namespace.set_workload_status(made, replicas=1)

    rolled_out = threading.Event()
    thread = threading.Timer(1.0, roll_out)
    thread.start()
    try:
        assert run(verify(rollback=result))["components"] == {"scheduler": "1/1"}
        assert rolled_out.is_set()
    finally:
        thread.join()


def test_an_image_that_cannot_be_pulled(verify: Any, namespace: Namespace) -> None:
    """The error quotes Kubernetes and the pod's events, and is not retried."""
    namespace.put_pod(pod(state=waiting("ImagePullBackOff", "Back-off pulling image")))
    namespace.put_event(f"{RELEASE}-scheduler-0", "Failed", "manifest for release-42 not found")
    namespace.put_event("somebody-else", "Failed", "not ours")
    with pytest.raises(errors.PodsNotReady, match=r"(?s)IMAGE-PULL.*manifest for release-42") as failure:
        run(verify(timeout=0.5))
    assert isinstance(failure.value, AirflowFailException)
    assert "not ours" not in str(failure.value)


CRASHED = {"restartCount": 7, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}
LOG = ["no postgresql://airflow:s3cret@db/airflow", "sent Bearer 0123456789abcdef"]


@pytest.fixture
def kubelet(namespace: Namespace) -> Iterator[Kubelet]:
    """A kubelet with a log that holds credentials."""
    if namespace.kube.nobody is None:
        pytest.skip("a cluster of KUBECONFIG does not reach a kubelet of this test")
    with Kubelet(LOG) as kubelet:
        kubelet.register(namespace.kube)
        yield kubelet


def test_the_tail_of_the_log(verify: Any, namespace: Namespace, kubelet: Kubelet) -> None:
    """The error quotes the crashed container's log from before its last restart, read from a kubelet."""
    looping = pod(state=waiting("CrashLoopBackOff", "back-off 5m0s"), status=CRASHED)
    namespace.put_pod(looping, nodeName=kubelet.name)
    with pytest.raises(errors.PodsNotReady, match=r"(?s)CRASH-LOOP.*7 times.*log: no.*sent Bearer"):
        run(verify(timeout=0.5))
    request = kubelet.requests[-1]
    assert f"/{namespace.name}/{RELEASE}-scheduler-0/scheduler" in request
    assert "previous=true" in request
    assert "tailLines=20" in request


def test_no_credentials_of_others(
    verify: Any, namespace: Namespace, kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Credentials are removed from the log of a program, also in the event that the database stores."""
    namespace.put_pod(pod(ready=False), nodeName=kubelet.name)
    namespace.put_event(f"{RELEASE}-scheduler-0", "Unhealthy", "Get http://probe:s3cret@10.0.0.1/health: 500")
    events: list[Any] = []
    resume = VerifyPodsOperator.resume

    def recorded(self: Any, context: Any, event: Any) -> Any:
        events.append(event)
        return resume(self, context, event)

    monkeypatch.setattr(VerifyPodsOperator, "resume", recorded)
    with pytest.raises(errors.PodsNotReady, match=r"(?s)http://\*\*\*@10.*postgresql://\*\*\*@db") as failure:
        run(verify(timeout=0.5))
    for kept in (str(failure.value), caplog.text, json.dumps(events)):
        assert "s3cret" not in kept
        assert "0123456789abcdef" not in kept


def test_a_crash_loop_without_a_probe(verify: Any, namespace: Namespace, kubelet: Kubelet) -> None:
    """It is ready at every poll and never stable: the error names the restarted container, with its log."""
    namespace.put_pod(pod(status=CRASHED), nodeName=kubelet.name)
    words = r"(?s)scheduler 1/1\.\nNOT-STABLE: all.*NOT-STABLE: scheduler: .*7 times\. It ended .*log: no"
    with pytest.raises(errors.PodsNotReady, match=words):
        run(verify(timeout=0.5, min_ready_seconds=60.0))
    assert "previous=true" in kubelet.requests[-1]


def test_pods_that_wait_for_the_migration(verify: Any, namespace: Namespace, kubelet: Kubelet) -> None:
    """The error names the waiting init container and the failed migration, each with its log."""
    waits = "wait-for-airflow-migrations"
    init = [container_status(waits, NEW, RUNNING, ready=False)]
    spec = {"initContainers": [{"name": waits, "image": NEW}]}
    namespace.put_pod(pod(state=waiting("PodInitializing"), init=init, spec=spec), nodeName=kubelet.name)
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    namespace.put_pod(migrations(state=ended, phase="Failed"), nodeName=kubelet.name)
    words = rf"(?s)CRASHED: run-airflow-migrations: .*ended with 1.*log: no.*INIT-RUNNING: .*{waits}.*log: no"
    with pytest.raises(errors.PodsNotReady, match=words):
        run(verify(timeout=0.5))
    assert f"scheduler-0/{waits}" in kubelet.requests[-1]
    assert "previous=true" not in kubelet.requests[-1]


def test_more_pods_than_come_at_once(
    verify: Any, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list comes in pages, and all of them count."""
    monkeypatch.setattr("airflow_rollback_provider.hooks.cluster.MOST_AT_ONCE", 2)
    for number in range(5):
        namespace.put_pod(pod("worker", name=f"worker-{number}"))
    namespace.put_pod(pod())
    assert run(verify())["components"] == {"scheduler": "1/1", "worker": "5/5"}


def test_a_log_that_cannot_be_read(verify: Any, namespace: Namespace) -> None:
    """The node is gone: the finding shows that the log cannot be read."""
    if namespace.kube.nobody is None:
        pytest.skip("a cluster of KUBECONFIG does not reach a kubelet of this test")
    with Kubelet([]) as kubelet:
        kubelet.register(namespace.kube)
    namespace.put_pod(pod(ready=False), nodeName=kubelet.name)
    with pytest.raises(errors.PodsNotReady, match=r"(?s)NOT-READY.*log: cannot be read"):
        run(verify(timeout=0.5))


def test_a_component_that_is_missing(verify: Any, namespace: Namespace) -> None:
    """No pod: the workload is to create none, or does not exist."""
    namespace.put_pod(pod())
    namespace.put_workload(workload())
    namespace.put_workload(workload("webserver", replicas=0))
    with pytest.raises(errors.PodsNotReady, match=r"TOO-FEW-PODS: webserver: 0 of 1.*has 0 replicas"):
        run(verify(timeout=0.5, components=["webserver"]))
    with pytest.raises(errors.PodsNotReady, match="NO-COMPONENT: dag-processor"):
        run(verify(timeout=0.5, components=["dag-processor"]))


def allow(namespace: Namespace, *rules: dict[str, Any]) -> None:
    """Grant rights to the user without rights."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}"
    namespace.kube.call("POST", f"{path}/roles", {"metadata": {"name": "some"}, "rules": list(rules)})
    subject = {"kind": "User", "name": "nobody", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "some", "apiGroup": "rbac.authorization.k8s.io"}
    body = {"metadata": {"name": "some"}, "subjects": [subject], "roleRef": role}
    namespace.kube.call("POST", f"{path}/rolebindings", body)


@pytest.fixture
def nobody(kube: Kube, namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the connection of the user without rights."""
    if kube.nobody is None:
        pytest.skip("a cluster of KUBECONFIG has no user of these tests")
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", kube.connection(nobody=True))


def test_a_user_without_rights(verify: Any, namespace: Namespace, nobody: None) -> None:
    """The error names the missing right and ends the wait."""
    with pytest.raises(
        errors.AccessDenied, match=r"(?s)refused reading pods.*HTTP 403.*Bind a Role"
    ) as failure:
        run(verify())
    assert isinstance(failure.value, AirflowFailException)


@pytest.fixture(params=["missing", "empty"])
def by_chance(
    request: pytest.FixtureRequest, kube: Kube, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is missing or empty, and the environment leads to a cluster."""
    if kube.nobody is None:
        pytest.skip("a cluster of KUBECONFIG has no user of these tests")
    monkeypatch.delenv("AIRFLOW_CONN_KUBERNETES_DEFAULT")
    if request.param == "empty":
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps({"conn_type": "kubernetes"}))
    for client in ("kubernetes", "kubernetes_asyncio"):
        place = f"{client}.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
        monkeypatch.setattr(place, kube.nobody)


@pytest.mark.parametrize("skips", [True, False])
def test_refused_without_a_connection(verify: Any, by_chance: None, skips: bool) -> None:
    """Without a connection, a refusal means that there is no way to a cluster."""
    kind = AirflowSkipException if skips else errors.NoClusterAccess
    words = r"(?s)no access to a Kubernetes cluster: .*not filled in.*HTTP 403.*Bind a Role"
    with pytest.raises(kind, match=words):
        run(verify(skip_without_access=skips))


def test_rights_that_happen_to_be_enough(verify: Any, namespace: Namespace, by_chance: None) -> None:
    """The pods are read as with a connection."""
    allow(namespace, {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    namespace.put_pod(pod())
    assert run(verify())["ready"]


def test_rights_that_are_taken_away(verify: Any, namespace: Namespace, by_chance: None) -> None:
    """A right that was granted at first and revoked later is an error. Retries apply: it may come back."""
    allow(namespace, {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    namespace.put_pod(pod(ready=False))
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}/rolebindings/some"
    thread = threading.Timer(2.0, namespace.kube.call, ("DELETE", path))
    thread.start()
    try:
        with pytest.raises(errors.WaitBrokenOff, match="refused reading pods"):
            run(verify())
    finally:
        thread.join()


def test_a_user_with_the_right_to_list_pods_only(verify: Any, namespace: Namespace, nobody: None) -> None:
    """The check works without workloads and events."""
    allow(namespace, {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    namespace.put_pod(pod())
    assert run(verify())["ready"]
    namespace.set_status(pod(ready=False))
    with pytest.raises(errors.PodsNotReady, match=r"(?s)NOT-READY.*event: cannot be read"):
        run(verify(timeout=0.5))


@pytest.mark.parametrize("skips", [True, False])
def test_no_way_to_a_cluster(
    verify: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, skips: bool
) -> None:
    """The task is skipped with a clear message, or fails if ``skip_without_access`` is False."""
    extra = {"kube_config_path": str(tmp_path / "none")}
    monkeypatch.setenv(
        "AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps({"conn_type": "kubernetes", "extra": extra})
    )
    kind = AirflowSkipException if skips else errors.NoClusterAccess
    with pytest.raises(kind, match="no access to a Kubernetes cluster"):
        run(verify(skip_without_access=skips))


def test_a_cluster_that_is_away(verify: Any, namespace: Namespace, monkeypatch: Any, tmp_path: Any) -> None:
    """The task waits until its time-out; then its retries apply."""
    away = tmp_path / "away.yaml"
    text = Path(namespace.kube.kubeconfig).read_text(encoding="utf-8")
    server = text.split("https://")[1].split('"')[0]
    away.write_text(text.replace(server, "127.0.0.1:9"), encoding="utf-8")
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", Kube(str(away)).connection())
    with pytest.raises(errors.WaitBrokenOff, match="No answer from the Kubernetes cluster") as failure:
        run(verify(timeout=0.5))
    assert not isinstance(failure.value, AirflowFailException)


@pytest.mark.parametrize("kwargs", [{"release_name": None}, {"rollback": "{{ x }}"}], ids=str)
def test_bad_input(verify: Any, kwargs: dict[str, Any]) -> None:
    """No request is sent to the cluster."""
    with pytest.raises(errors.BadInput) as failure:
        run(verify(**kwargs))
    assert isinstance(failure.value, AirflowFailException)


def test_no_token_in_what_is_kept(namespace: Namespace) -> None:
    """The trigger's arguments name the connection."""
    task = VerifyPodsOperator(
        task_id="verify", release_name=RELEASE, namespace=namespace.name, deferrable=True
    )
    with pytest.raises(TaskDeferred) as deferral:
        task.execute({"ti": TaskInstance()})
    kept = json.dumps(deferral.value.trigger.serialize())
    assert "admin-token" not in kept
    assert deferral.value.timeout > timedelta(minutes=10)
