# SPDX-License-Identifier: Apache-2.0
"""Reads a release from Kubernetes: one flow for tasks and the triggerer.

The flow yields requests and receives plain values, like the flows with a platform. The module
:mod:`airflow_rollback_provider.hooks.cluster` sends the requests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_rollback_provider.domain.errors import PermissionMissing, RollbackError
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.poller import Poller, Wait
from airflow_rollback_provider.domain.redaction import short_line
from airflow_rollback_provider.pods.pods import COMPONENTS, MIGRATIONS, check_migrations, check_release
from airflow_rollback_provider.pods.report import Finding, PodsOutcome, PodsReport

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.poller import Pause
    from airflow_rollback_provider.pods.report import Restarts

T = TypeVar("T")

_MOST_PODS_WITH_EVIDENCE = 5
_MOST_EVENTS = 5
_MOST_PROBLEMS = 20
LOG_LINES = 20
"""Number of lines of a log that are read, the last ones."""
_LONGEST_LINE = 10_000
_OLD = ("OLD-IMAGE", "OLD-POD")
_BEFORE_THE_RESTART = ("CRASH-LOOP", "NOT-STABLE")
_WITH_LOG = (*_BEFORE_THE_RESTART, "CRASHED", "INIT-RUNNING", "NOT-READY")


@dataclass(frozen=True)
class ClusterRequest:
    """One request to a cluster.

    :param what: ``pods``, ``deployments``, ``stateful_sets``, ``events`` or ``log``.
    :param selector: selects the objects: by labels, or by fields for events.
    :param pod: the pod, for a log.
    :param container: the container, for a log.
    :param previous: for a log, whether to read the log from before the container's last restart.
    """

    what: str
    namespace: str
    selector: str = ""
    pod: str = ""
    container: str | None = None
    previous: bool = False


ClusterFlow = Generator["ClusterRequest | Pause", Any, T]


@dataclass(frozen=True)
class Release(JsonDataclass):
    """The release to read.

    :param name: name of the Helm release.
    :param image: the image that every Airflow component must run; None requires readiness only.
    :param required: components that must exist; by default a scheduler.
    :param selector: labels that select the release's pods and workloads; by default those of Airflow's chart.
    :param since: when the rollback was submitted; pods that were created before do not count as ready. None
        accepts pods of any age.
    """

    namespace: str
    name: str
    image: str | None = None
    required: tuple[str, ...] = ()
    selector: str | None = None
    since: datetime | None = None

    @property
    def labels(self) -> str:
        """The labels that select its objects."""
        components = ",".join(COMPONENTS)
        return self.selector or f"release={self.name},component in ({components}),!dag_id"

    @property
    def migrations(self) -> str | None:
        """The labels that select the pods of the database migration Job; None with a custom selector."""
        return None if self.selector else f"release={self.name},component={MIGRATIONS}"


def read_release(release: Release) -> ClusterFlow[PodsReport]:
    """Read pods and workloads once, in three requests, and check them."""
    pods = yield ClusterRequest("pods", release.namespace, release.labels)
    workloads = yield from _workloads(release)
    return check_release(release.image, pods, workloads, release.required, release.since)


def add_evidence(release: Release, report: PodsReport) -> ClusterFlow[PodsReport]:
    """Add events and the end of the log to the findings about pods.

    Where events or a log cannot be read, the error stands in their place. Where a container does not run, a
    failed database migration is added as a finding.
    """
    findings = report.findings
    if any(finding.container is not None for finding in findings):
        migrations = yield from _migrations(release)
        findings = (*migrations, *findings)
    completed: list[Finding] = []
    left = _MOST_PODS_WITH_EVIDENCE
    for finding in findings:
        if finding.pod is None or finding.code in _OLD or not left:
            completed.append(finding)
            continue
        left -= 1
        events = yield from _events(release, finding.pod)
        log = yield from _log(release, finding)
        completed.append(replace(finding, events=events, log=log))
    return replace(report, findings=tuple(completed))


def wait_until_ready(
    release: Release,
    window: StabilityWindow,
    now: Callable[[], float],
    show: Callable[[str], object],
) -> ClusterFlow[PodsOutcome]:
    """Poll until the release is ready and stays so, or the time is up; then add events and logs.

    :param window: decides when to poll again and when to give up.
    :param now: returns seconds since the epoch.
    :param show: called with what changes on the way.
    :raises RollbackError: when the cluster cannot be read and waiting does not cure that.
    """
    report: PodsReport | None = None
    problem: str | None = None
    shown: tuple[Finding, ...] | None = None

    def read() -> ClusterFlow[PodsReport]:
        nonlocal report, problem, shown
        report = yield from read_release(release)
        problem = None
        if report.findings != shown:
            shown = report.findings
            show("\n".join(problems(report)) or f"Release {release.name} is ready.")
        return report

    def on_error(error: RollbackError) -> None:
        nonlocal problem
        problem = str(error)
        show(f"Could not read the pods of release {release.name}: {error}")

    ready = yield from Wait(window, read, now, on_error).until_done()
    if report is not None and problem is None and not ready:
        report = yield from add_evidence(release, window.explain(report, now()))
    return PodsOutcome(ready, report, problem)


def _workloads(release: Release) -> ClusterFlow[list[Any] | None]:
    found: list[Any] = []
    for what, kind in (("deployments", "Deployment"), ("stateful_sets", "StatefulSet")):
        try:
            items = yield ClusterRequest(what, release.namespace, release.labels)
        except PermissionMissing:  # the pods alone must do
            return None
        found += [{**item, "kind": kind} for item in items]
    return found


def _migrations(release: Release) -> ClusterFlow[tuple[Finding, ...]]:
    if release.migrations is None:
        return ()
    try:
        pods = yield ClusterRequest("pods", release.namespace, release.migrations)
    except RollbackError:  # this evidence is optional
        return ()
    found = check_migrations(pods)
    return (found,) if found is not None else ()


def _events(release: Release, pod: str) -> ClusterFlow[tuple[str, ...]]:
    selector = f"involvedObject.name={pod},involvedObject.kind=Pod"
    try:
        events = yield ClusterRequest("events", release.namespace, selector)
    except RollbackError as error:
        return (f"cannot be read: {error}",)
    latest = sorted(events, key=_event_time)[-_MOST_EVENTS:]
    return tuple(f"{event.get('reason') or '?'}: {_line(event.get('message'))}" for event in latest)


def _log(release: Release, finding: Finding) -> ClusterFlow[tuple[str, ...]]:
    if finding.container is None or finding.code not in _WITH_LOG:
        return ()
    request = ClusterRequest(
        "log",
        release.namespace,
        pod=str(finding.pod),
        container=finding.container,
        previous=finding.code in _BEFORE_THE_RESTART,
    )
    try:
        text = yield request
    except RollbackError as error:
        return (f"cannot be read: {error}",)
    return tuple(_line(line) for line in str(text).splitlines()[-LOG_LINES:])


def _event_time(event: dict[str, Any]) -> str:
    return str(
        event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    )


def _line(text: object) -> str:
    return short_line(str(text or "")[:_LONGEST_LINE])


def problems(report: PodsReport) -> Sequence[str]:
    """Return one text for each finding, for a log or an error message."""
    more = len(report.findings) - _MOST_PROBLEMS
    texts = [str(finding) for finding in report.findings[:_MOST_PROBLEMS]]
    return [*texts, f"… and {more} more"] if more > 0 else texts


class StabilityWindow(Poller[PodsReport, bool]):
    """Decides after each poll whether a release is ready and has been so for long enough.

    :param deadline: when to give up, in seconds since the epoch.
    :param min_ready_seconds: how long the release must have been ready, without a restart, in seconds.
    :param poll_interval: longest time between two polls, in seconds.
    """

    def __init__(
        self, deadline: float, min_ready_seconds: float, poll_interval: float, rng: Callable[[], float]
    ) -> None:
        super().__init__(deadline, poll_interval, rng)
        self._min_ready_seconds = min_ready_seconds
        self._since: float | None = None
        self._restarts = 0
        self._at_first: dict[tuple[str, str], int] | None = None

    def evaluate(self, result: PodsReport, now: float) -> bool | None:
        if self._at_first is None:
            self._at_first = {(one.pod, one.container): one.count for one in result.restarted}
        if not result.ready:
            self._since = None
        elif self._since is None or result.restarts != self._restarts:
            self._since = now
        self._restarts = result.restarts
        return True if self._since is not None and now - self._since >= self._min_ready_seconds else None

    def on_error(self, error: RollbackError, now: float) -> bool | None:
        """Take the error of a poll: the time that the release was ready counts no more.

        :raises RollbackError: the error itself when waiting cannot cure it.
        """
        self._since = None
        return super().on_error(error, now)

    def time_out(self, now: float) -> bool:
        return False

    def next_delay(self, now: float) -> float:
        """Return the time until the next poll, in seconds.

        When the release is ready that is until it has been so for long enough; it never passes the deadline.
        """
        wait = super().next_delay(now)
        if self._since is not None:
            wait = min(wait, self._since + self._min_ready_seconds - now)
        return max(0.0, wait)

    def explain(self, report: PodsReport, now: float) -> PodsReport:
        """Add why a release that was ready when the time was up was not so for long enough.

        These are the containers that were restarted during the wait; if there is none, all that ever were.
        """
        if not report.ready or self._since is None:
            return report
        lasted = f"ready for {now - self._since:.0f} s, which has to be {self._min_ready_seconds:.0f} s"
        again = [one for one in report.restarted if self._grown(one)] or report.restarted
        findings = [Finding("NOT-STABLE", "all components", lasted), *map(self._restarted, again)]
        return replace(report, findings=tuple(findings))

    def _grown(self, restarts: Restarts) -> int:
        return restarts.count - (self._at_first or {}).get((restarts.pod, restarts.container), 0)

    def _restarted(self, one: Restarts) -> Finding:
        grown = self._grown(one)
        during = f", {grown} of them during the wait" if grown else ""
        words = f"{one.pod}/{one.container} was restarted {one.count} times{during}. {one.ended}".rstrip()
        return Finding("NOT-STABLE", one.component, words, one.pod, one.container)
