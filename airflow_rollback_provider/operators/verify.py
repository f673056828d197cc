# SPDX-License-Identifier: Apache-2.0
"""The operator that makes sure that the pods of a Deployment run what a rollback brought back."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import AirflowSkipException, BaseOperator, conf, deferral_timeout
from airflow_rollback_provider.domain.arguments import flag, interval, moment, optional, seconds, text
from airflow_rollback_provider.domain.errors import (
    BadInput,
    NoClusterAccess,
    PodsNotReady,
    RollbackError,
    WaitBrokenOff,
)
from airflow_rollback_provider.domain.summary import paragraph
from airflow_rollback_provider.hooks.cluster import DEFAULT_CONN_ID, Cluster, Surroundings
from airflow_rollback_provider.hooks.failures import task_failures
from airflow_rollback_provider.pods.cluster import Release, StabilityWindow, problems, wait_until_ready
from airflow_rollback_provider.pods.report import PodsOutcome, broken_off

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context

_RESTARTS_NOTHING = "If such a rollback restarts no pods here, set require_new_pods=False. "


class VerifyPodsOperator(BaseOperator):
    """Wait until every Airflow component of a release runs an image and stays ready, or fail.

    It reads pods, and the Deployments and StatefulSets that make them, through a connection of the
    cncf-kubernetes provider. Pods of tasks, pods that have ended and pods that are being stopped do not
    count. Just after a rollback was submitted, the pods from before it are still ready: they do not count
    either, even if they run the image. Without access to a cluster the task is skipped. That is also the case
    where the connection ``kubernetes_default`` is empty and the cluster that Airflow runs in refuses.

    Templated: ``kubernetes_conn_id``, ``rollback``, ``release_name``, ``image``, ``namespace``.

    :param rollback: the result of a ``RollbackOperator``, which names release, namespace, image and
        ``submitted_at``. Without ``submitted_at`` pods of any age count.
    :param release_name: name of the Helm release; overrides that of the rollback.
    :param image: the image that must run, or its tag alone; overrides that of the rollback. Its digest, if
        it has one, counts more than its tag. If neither names an image, as after a rollback of Dags alone,
        only readiness counts.
    :param namespace: the namespace; ``{release_name}`` is filled in. Default: that of the rollback, else
        ``astronomer-{release_name}``.
    :param components: components of which there must be a pod, by the chart's label ``component``; all others
        that are there must be ready too. Default: a scheduler.
    :param label_selector: labels that choose pods and workloads, where they are not those of Airflow's chart;
        ``{release_name}`` is filled in.
    :param require_new_pods: count only pods that were created after ``submitted_at``. False is for rollbacks
        that restart no pod, such as those of Dags alone on some installations. Default True.
    :param kubernetes_conn_id: Airflow connection to the cluster. Default ``kubernetes_default``.
    :param min_ready_seconds: how long everything must have been ready without a restart, in seconds or as
        a timedelta. Default 30.
    :param poll_interval: longest time between two polls, in seconds or as a timedelta. Default 10.
    :param timeout: how long to wait, in seconds or as a timedelta. Default 10 minutes.
    :param skip_without_access: skip without access to a cluster; False fails. Default True.
    :param deferrable: wait in the triggerer. Default: ``[operators] default_deferrable``.
    :raises PodsNotReady: when the time is up, with events and the tail of the log; no retry.
    :raises BadInput: when an argument cannot be used; no retry.
    :raises AccessDenied: when the cluster refuses; no retry.
    :raises WaitBrokenOff: when the cluster could not be read at the end, or refused after it had answered, as
        with credentials that expired; the task's retries apply.
    """

    template_fields: Sequence[str] = (
        "kubernetes_conn_id",
        "rollback",
        "release_name",
        "image",
        "namespace",
    )
    ui_color = "#e8eef7"

    def __init__(
        self,
        *,
        rollback: Mapping[str, Any] | None = None,
        release_name: str | None = None,
        image: str | None = None,
        namespace: str | None = None,
        components: Sequence[str] = (),
        label_selector: str | None = None,
        require_new_pods: bool = True,
        kubernetes_conn_id: str = DEFAULT_CONN_ID,
        min_ready_seconds: float | timedelta = 30.0,
        poll_interval: float | timedelta = 10.0,
        timeout: float | timedelta = 600.0,
        skip_without_access: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rollback = rollback
        self.release_name = release_name
        self.image = image
        self.namespace = namespace
        self.components = components
        self.label_selector = label_selector
        self.require_new_pods = flag(require_new_pods, "require_new_pods", default=True)
        self.kubernetes_conn_id = kubernetes_conn_id
        self.min_ready_seconds = seconds(min_ready_seconds, "min_ready_seconds")
        self.poll_interval = interval(poll_interval)
        self.timeout = seconds(timeout, "timeout")
        self.skip_without_access = flag(skip_without_access, "skip_without_access", default=True)
        self.deferrable = flag(deferrable, "deferrable")

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait until the release is ready; return the report."""
        deadline = time.time() + self.timeout
        with task_failures(), self._skipping():
            release = self._release()
            cluster = Cluster(text(self.kubernetes_conn_id, "kubernetes_conn_id"))
            surroundings = cluster.surroundings()
            if self.deferrable:
                self._defer(release, deadline, surroundings)
            return self._finish(self._wait(cluster, release, deadline))

    def resume(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the triggerer: return the report, or raise the error."""
        with task_failures(), self._skipping():
            return self._finish(PodsOutcome.from_dict(event))

    @contextmanager
    def _skipping(self) -> Iterator[None]:
        try:
            yield
        except NoClusterAccess as error:
            if not self.skip_without_access:
                raise
            self.log.warning("The pods were not checked. %s", error)  # Airflow 3 does not log why
            raise AirflowSkipException(f"The pods were not checked. {error}") from None

    def _release(self) -> Release:
        result = self.rollback or {}
        if not isinstance(result, Mapping):
            raise BadInput(
                f"rollback is {str(result)[:80]!r}. Give the result of a rollback: roll_back.output."
            )

        def named(parameter: str) -> str | None:
            return optional(getattr(self, parameter), parameter) or optional(result.get(parameter), parameter)

        name = named("release_name")
        if not name:
            raise BadInput("The release has no name. Give release_name, or the result of a rollback.")
        selector = self.label_selector
        return Release(
            namespace=(named("namespace") or "astronomer-{release_name}").replace("{release_name}", name),
            name=name,
            image=named("image"),
            required=tuple(self.components),
            selector=selector.replace("{release_name}", name) if selector else None,
            since=_submitted_at(result) if self.require_new_pods else None,
        )

    def _wait(self, cluster: Cluster, release: Release, deadline: float) -> PodsOutcome:
        waits = StabilityWindow(deadline, self.min_ready_seconds, self.poll_interval, random.random)  # noqa: S311
        try:
            return cluster.run(wait_until_ready(release, waits, time.time, self.log.info))
        except RollbackError as error:  # ends as in the triggerer
            return broken_off(error)

    def _defer(self, release: Release, deadline: float, surroundings: Surroundings) -> None:
        from airflow_rollback_provider.triggers.pods import PodsTrigger

        self.defer(
            trigger=PodsTrigger(
                kubernetes_conn_id=text(self.kubernetes_conn_id, "kubernetes_conn_id"),
                inside=surroundings.inside,
                by_chance=surroundings.by_chance,
                release=release.to_dict(),
                min_ready_seconds=self.min_ready_seconds,
                poll_interval=self.poll_interval,
                deadline=deadline,
            ),
            method_name="resume",
            timeout=deferral_timeout(deadline),
        )

    def _finish(self, outcome: PodsOutcome) -> dict[str, Any]:
        refused = outcome.refused()
        if refused is not None:
            raise refused
        if outcome.report is None or (outcome.problem is not None and not outcome.ready):
            raise WaitBrokenOff(f"Whether the pods are ready is not known. {outcome.problem}")
        release = self._release()
        components = dict(outcome.report.components)
        counted = ", ".join(f"{name} {count}" for name, count in components.items())
        runs = f"run {release.image} and are ready" if release.image else "are ready"
        if outcome.ready:
            summary = paragraph(f"All components of release {release.name} {runs}: {counted}.")
            self.log.info("%s", summary)
            return {"ready": True, "components": components, "image": release.image, "summary": summary}
        listed = "\n".join(problems(outcome.report))
        codes = [finding.code for finding in outcome.report.findings]
        raise PodsNotReady(
            f"Not all components of release {release.name} {runs} within the time: {counted}.\n{listed}\n"
            f"{_RESTARTS_NOTHING if 'OLD-POD' in codes else ''}Look at the Deployment before trying again."
        )


def _submitted_at(rollback: Mapping[str, Any]) -> datetime | None:
    """Return when a rollback was submitted; None if its result does not say so."""
    try:
        return moment(rollback.get("submitted_at"), "submitted_at of the rollback")
    except BadInput as error:
        raise BadInput(f"{error} Give the result of a rollback: roll_back.output.") from None
