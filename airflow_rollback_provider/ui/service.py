# SPDX-License-Identifier: Apache-2.0
"""The page's questions and answers, as dicts. It knows neither a web framework nor who asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.errors import DeploymentNotFound, RollbackError, StalePlan
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import TAG_LENGTH, without_tag
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.hooks.client import Reading
from airflow_rollback_provider.rollback.self_target import runs_inside
from airflow_rollback_provider.ui.config import read_options
from airflow_rollback_provider.ui.history_query import Cursor, HistoryQuery
from airflow_rollback_provider.ui.problems import not_offered, nothing_offered, problem_of
from airflow_rollback_provider.ui.rows import Row, RowChecks, SupersededTracker
from airflow_rollback_provider.ui.snapshot import SECONDS_SHARED_WHEN_FOLLOWING
from airflow_rollback_provider.ui.summary import going_on, summary_of

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.platforms.base import Page
    from airflow_rollback_provider.ui.config import DeploymentOption
    from airflow_rollback_provider.ui.snapshot import Reader, Snapshot

Answer = dict[str, Any]
WhyNot = Callable[[str], "str | None"]
"""Tells why the person who asks cannot start a run of a Dag; None if nothing speaks against it."""

LONGEST_DESCRIPTION = 400
"""Characters that the example Dag takes; a platform may keep fewer."""

_ENOUGH_FOR_A_SEARCH = 1000
_SECONDS_OF_A_SEARCH = 3.0


@dataclass(frozen=True)
class Addresses:
    """Where this Airflow starts and shows runs; ``{dag_id}`` and ``{run_id}`` stand for the ids.

    :param start: where a run is started.
    :param run: where a run's state is read.
    :param page: the page of a run.
    """

    start: str
    run: str
    page: str


class Service:
    """Answers the page's questions. For many threads at a time.

    :param reader: reads Deployments.
    :param offered: tells what the page offers.
    :param clock: seconds that only grow.
    """

    def __init__(
        self,
        reader: Reader,
        offered: Callable[[], tuple[DeploymentOption, ...]] = read_options,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._offered = offered
        self._clock = clock

    def options(self, airflow: int, user: str | None, why_not: WhyNot) -> Answer:
        """Tell what can be chosen. It asks no platform.

        :param airflow: major version of this Airflow.
        :param user: name of the person who asks.
        :param why_not: tells why that person cannot start a Dag.
        """
        notice = None
        try:
            offered = self._offered()
        except RollbackError as error:
            offered, notice = (), problem_of(error)
        if not offered:
            notice = notice or nothing_offered()
        reasons = {dag_id: why_not(dag_id) for dag_id in {option.dag_id for option in offered}}
        return {
            "airflow": airflow,
            "user": {"name": user},
            "options": [_option(option, reasons[option.dag_id]) for option in offered],
            "notice": notice and notice.told,
        }

    def history(self, connection: str, deployment: str, query: HistoryQuery) -> Answer:
        """Tell a Deployment's summary and a part of its history.

        :raises Problem: when it is not offered.
        :raises RollbackError: when the platform cannot be asked.
        """
        option = self._option(connection, deployment)
        snapshot = self._reader.see(option, query.max_age)
        rows, cursor = self._rows(option, snapshot, query)
        return {"summary": summary_of(option, snapshot), "rows": rows, "next_cursor": cursor and str(cursor)}

    def plan(
        self,
        connection: str,
        deployment: str,
        target: str,
        *,
        scope: str = "",
        expected_current_deploy_id: str = "",
        why_not: WhyNot,
        addresses: Addresses,
    ) -> Answer:
        """Tell what a rollback would do, and how the browser starts it.

        :param target: id of the deploy to go back to.
        :param scope: the part to bring back; empty takes what the Deployment's Dag deploy mechanism carries.
        :param expected_current_deploy_id: id of the deploy that the person saw as the current one; empty:
            not checked.
        :param why_not: tells why the person cannot start a Dag.
        :param addresses: where runs are started and shown.
        :raises Problem: when the Deployment is not offered.
        :raises RollbackError: when the platform cannot be asked, or another deploy is the current one.
        """
        option = self._option(connection, deployment)
        snapshot = self._reader.see(option, SECONDS_SHARED_WHEN_FOLLOWING)
        plan = self._plan(option, snapshot, target, scope)
        plan = plan.with_warnings(_about_itself(plan))
        if expected_current_deploy_id not in ("", plan.current.id):
            raise StalePlan(
                f"Deploy {expected_current_deploy_id} was the one that ran on {plan.deployment} when you "
                "looked; now "
                f"{plan.current.id} runs. Nothing was changed."
            )
        reason = why_not(option.dag_id)
        return {
            "plan": _without_marks(plan.to_dict()),
            "confirm_name": plan.deployment.name if plan.needs_acknowledgement else None,
            "description_limit": min(
                LONGEST_DESCRIPTION, snapshot.capabilities.description_limit - TAG_LENGTH
            ),
            "going_on": going_on(History(snapshot.deploys)),
            "may_roll_back": reason is None,
            "reason": reason,
            "start": None if reason else _start(option, plan, addresses),
        }

    def require_offered(self, dag_id: str, conf: Answer) -> None:
        """Do nothing for a run that the page offers.

        :param dag_id: the Dag that is to be started.
        :param conf: what it is to be started with.
        :raises Problem: for another connection, Deployment or Dag.
        :raises RollbackError: when the platform cannot be asked which Deployment is meant.
        """
        query, deployment = (dag_id, conf.get("astro_conn_id")), conf.get("deployment_id")
        options = [option for option in self._offered() if query == (option.dag_id, option.connection)]
        if not any(deployment == option.deployment for option in options):
            self._require_id(options, deployment)

    def _require_id(self, options: Iterable[DeploymentOption], deployment_id: object) -> None:
        """Do nothing for the id of one of these; one that cannot be read does not hide the others."""
        unread: RollbackError | None = None
        for option in options:
            try:
                if deployment_id == self._reader.id_of(option):
                    return
            except DeploymentNotFound:  # deleted, and named by the setting still
                continue
            except RollbackError as error:
                unread = error
        raise unread or not_offered()

    def _option(self, connection: str, deployment: str) -> DeploymentOption:
        for option in self._offered():
            if (option.connection, option.deployment) == (connection, deployment):
                return option
        raise not_offered()

    def _plan(self, option: DeploymentOption, snapshot: Snapshot, target: str, scope: str) -> RollbackPlan:
        reading = Reading(snapshot.survey, History(snapshot.deploys).read_out())
        deployment_id = snapshot.survey.deployment.id
        return self._reader.ask(
            option,
            lambda client: client.plan(
                deployment_id, DeploySelector("id", target), scope or None, reading=reading
            ),
        )

    def _rows(
        self, option: DeploymentOption, snapshot: Snapshot, query: HistoryQuery
    ) -> tuple[list[Row], Cursor | None]:
        """Return the rows that follow, and where the history goes on.

        For a search those of several pages, within bounds: somebody waits for it.
        """
        rows, cursor = _made(snapshot, self._page(option, snapshot, query.cursor), query.cursor)
        until = self._clock() + _SECONDS_OF_A_SEARCH
        while query.searching and cursor and len(rows) < _ENOUGH_FOR_A_SEARCH and self._clock() < until:
            more, cursor = _made(snapshot, self._page(option, snapshot, cursor), cursor)
            rows += more
        return rows, cursor

    def _page(self, option: DeploymentOption, snapshot: Snapshot, cursor: Cursor | None) -> Page:
        if cursor is None:
            return snapshot.survey.page
        return self._reader.older(option, snapshot.survey.deployment.id, cursor.after)


def _option(option: DeploymentOption, reason: str | None) -> Answer:
    return {
        "connection": option.connection,
        "deployment": option.deployment,
        "label": option.label,
        "dag_id": option.dag_id,
        "may_roll_back": reason is None,
        "reason": reason,
    }


def _made(snapshot: Snapshot, page: Page, cursor: Cursor | None) -> tuple[list[Row], Cursor | None]:
    """Return a page's rows, and where the history goes on."""
    row_checks = RowChecks(snapshot.survey, snapshot.capabilities, snapshot.deploys, page.deploys)
    superseded_tracker = SupersededTracker(cursor.rollback if cursor else None)
    rows = [row_checks.row(deploy, superseded_tracker.pass_by(deploy)) for deploy in page.deploys]
    if not rows or page.next_cursor is None:
        return rows, None
    return rows, Cursor(page.next_cursor, superseded_tracker.rollback)


def _about_itself(plan: RollbackPlan) -> Iterator[PlanWarning]:
    """Say that the rollback Dag, which runs in this Airflow, will refuse to downgrade and wait for itself."""
    inside = None if plan.downgrade is False else runs_inside(plan.deployment)
    if inside is not None:
        yield PlanWarning(
            "RUNS-INSIDE",
            f"This Airflow runs inside the Deployment ({inside}), which would be downgraded: that ends all "
            "running tasks, the one that rolls back too. A rollback Dag that waits for the end refuses it. "
            "Use the page in another Deployment, or the platform's own.",
            severe=True,
        )


def _without_marks(plan: Answer) -> Answer:
    """Return the plan with its descriptions as people wrote them."""
    shown = {
        name: {**plan[name], "description": without_tag(plan[name]["description"])}
        for name in ("current", "target")
    }
    return {**plan, **shown}


def _start(option: DeploymentOption, plan: RollbackPlan, addresses: Addresses) -> Answer:
    """Return how the browser starts the run, with its person's own rights."""

    def filled(template: str) -> str:
        return template.replace("{dag_id}", quote(option.dag_id, safe=""))

    conf = {
        "deployment_id": plan.deployment.id,
        "target": plan.target.id,
        "expected_current_deploy_id": plan.current.id,
        "astro_conn_id": option.connection,
        "scope": plan.scope.value,
        "description": "",
        "acknowledge_airflow_3_to_2": False,
        "plan_only": False,
    }
    return {
        "url": filled(addresses.start),
        "body": {"logical_date": None, "conf": conf},
        "run_url": filled(addresses.run),
        "run_page": filled(addresses.page),
    }
