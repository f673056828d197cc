# SPDX-License-Identifier: Apache-2.0
"""The page's JSON responses, as dicts. This module uses no web framework and checks no rights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.errors import DeploymentNotFound, RollbackError, StalePlan
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.idempotency import TAG_LENGTH, without_tag
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.hooks.client import Reading
from airflow_rollback_provider.rollback.self_target import runs_inside
from airflow_rollback_provider.ui.cache import Cache
from airflow_rollback_provider.ui.config import ALL, read_options, snippets
from airflow_rollback_provider.ui.history_query import Cursor, HistoryQuery
from airflow_rollback_provider.ui.page_client import Platforms
from airflow_rollback_provider.ui.problems import not_offered, nothing_offered, problem_of
from airflow_rollback_provider.ui.rows import Row, RowChecks, SupersededTracker, in_progress, summary_of
from airflow_rollback_provider.ui.snapshot import SECONDS_SHARED_WHEN_TRACKING, Reader

if TYPE_CHECKING:
    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.platforms.base import Page
    from airflow_rollback_provider.ui.config import DeploymentOption
    from airflow_rollback_provider.ui.snapshot import Snapshot

Answer = dict[str, Any]
StartProblem = Callable[[str], "str | None"]
"""Returns why the user cannot start a run of a Dag, None if the user can."""

RunPage = Callable[[str, str], "str | None"]
"""Returns the address of a run's page in this Airflow, None if it has no such run."""

LONGEST_DESCRIPTION = 400
"""Characters that the form of `rollback_dag` accepts; a platform may keep fewer."""

DEPLOYMENTS_PER_PAGE = 50
_ROWS_PER_SEARCH = 1000
_SECONDS_PER_SEARCH = 3.0


@dataclass(frozen=True)
class Addresses:
    """The addresses of Dag runs in this Airflow, with ``{dag_id}`` and ``{run_id}`` for the ids.

    :param start: starts a run.
    :param run: returns a run's state.
    :param page: shows a run.
    """

    start: str
    run: str
    page: str

    def page_of(self, dag_id: str, run_id: str) -> str:
        page = self.page.replace("{dag_id}", quote(dag_id, safe=""))
        return page.replace("{run_id}", quote(run_id, safe=""))


class Service:
    """Builds the page's responses. Thread-safe.

    :param load_options: returns the Deployments of the page.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        reader: Reader,
        load_options: Callable[[], tuple[DeploymentOption, ...]] = read_options,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._load_options = load_options
        self._clock = clock

    def options(
        self,
        airflow: int,
        user: str | None,
        start_problem: StartProblem,
        list_connections: Callable[[], list[str]] = list,
    ) -> Answer:
        """Return the Deployments of the page. Sends no request to a platform.

        :param airflow: major version of this Airflow.
        :param start_problem: returns why the user cannot start a Dag.
        :param list_connections: returns the ids of the connections to a platform. Called when the page
            offers nothing.
        """
        notice = None
        try:
            options = self._load_options()
        except RollbackError as error:
            options, notice = (), problem_of(error)
        if not options:
            notice = notice or nothing_offered()
        reasons = {dag_id: start_problem(dag_id) for dag_id in {option.dag_id for option in options}}
        return {
            "airflow": airflow,
            "user": {"name": user},
            "options": [_option(option, reasons[option.dag_id]) for option in options],
            "notice": notice and {**notice.body, "snippets": snippets(list_connections())},
        }

    def deployments(self, connection: str, search: str, start: int, start_problem: StartProblem) -> Answer:
        """Return a page of the Deployments of a connection that offers all of them.

        :param search: words of the name or the release name, in any case, or an id; empty: all.
        :param start: number of Deployments before the page.
        :param start_problem: returns why the user cannot start a Dag.
        :raises Problem: if the page does not offer all Deployments of the connection.
        :raises RollbackError: if the request to the platform fails.
        """
        option = self._offered(connection).get(ALL)
        if option is None:
            raise not_offered()
        words = search.casefold().split()
        found = [
            one
            for one in self._reader.list_deployments(connection)
            if words == [one.id] or all(word in f"{one.name} {one.release_name}".casefold() for word in words)
        ]
        reason = start_problem(option.dag_id)
        page = found[start : start + DEPLOYMENTS_PER_PAGE]
        return {
            "options": [_option(_one_of(option, deployment), reason) for deployment in page],
            "start": start,
            "total": len(found),
            "page_size": DEPLOYMENTS_PER_PAGE,
        }

    def history(
        self, connection: str, deployment: str, query: HistoryQuery, run_page: RunPage = lambda *_: None
    ) -> Answer:
        """Return a Deployment's summary and a part of its history.

        :param run_page: returns the address of a run's page.
        :raises Problem: if the page does not offer it.
        :raises RollbackError: if the request to the platform fails.
        """
        option = self._option(connection, deployment)
        snapshot = self._reader.read(option, query.max_age)
        rows, cursor = self._rows(option, snapshot, query)
        for origin in filter(None, (row["origin"] for row in rows)):
            origin["run_page"] = run_page(origin["dag_id"], origin["run_id"])
        return {"summary": summary_of(option, snapshot), "rows": rows, "next_cursor": cursor and str(cursor)}

    def plan(
        self,
        connection: str,
        deployment: str,
        target: str,
        *,
        scope: str = "",
        expected_current_deploy_id: str = "",
        start_problem: StartProblem,
        addresses: Addresses,
    ) -> Answer:
        """Return the plan of a rollback, and the request with which the browser starts it.

        :param target: id of the deploy to go back to.
        :param scope: the part to bring back; empty: the default of the Deployment's Dag deploy mechanism.
        :param expected_current_deploy_id: id of the deploy that the page showed as the running one; empty:
            not checked.
        :param start_problem: returns why the user cannot start a Dag.
        :raises Problem: if the page does not offer the Deployment.
        :raises RollbackError: if the request to the platform fails, or another deploy runs now.
        """
        option = self._option(connection, deployment)
        snapshot = self._reader.read(option, SECONDS_SHARED_WHEN_TRACKING)
        plan = self._plan(option, snapshot, target, scope)
        plan = plan.with_warnings(_own_deployment_warnings(plan))
        if expected_current_deploy_id not in ("", plan.current.id):
            raise StalePlan(
                f"Deploy {expected_current_deploy_id} ran on {plan.deployment} when the page read the "
                f"history. Now {plan.current.id} runs. Nothing was changed."
            )
        reason = start_problem(option.dag_id)
        return {
            "plan": _without_tags(plan.to_dict()),
            "confirm_name": plan.deployment.name if plan.needs_acknowledgement else None,
            "description_limit": min(
                LONGEST_DESCRIPTION, snapshot.capabilities.description_limit - TAG_LENGTH
            ),
            "in_progress": in_progress(History(snapshot.deploys)),
            "may_roll_back": reason is None,
            "reason": reason,
            "start": None if reason else _start(option, plan, addresses),
        }

    def require_option(self, dag_id: str, conf: Answer) -> None:
        """Check that the page offers a run.

        :raises Problem: for another connection, Deployment or Dag.
        :raises RollbackError: if the request for the Deployment's id fails.
        """
        query, deployment = (dag_id, conf.get("astro_conn_id")), conf.get("deployment_id")
        options = [option for option in self._load_options() if query == (option.dag_id, option.connection)]
        if not any(deployment == option.deployment != ALL for option in options):
            self._require_id(options, deployment)

    def _require_id(self, options: Iterable[DeploymentOption], deployment_id: object) -> None:
        """Check that an id belongs to one of these options. If one cannot be read, the others still count."""
        failure: RollbackError | None = None
        for option in options:
            try:
                if option.deployment == ALL:
                    ids = {one.id for one in self._reader.list_deployments(option.connection)}
                else:
                    ids = {self._reader.id_of(option)}
                if deployment_id in ids:
                    return
            except DeploymentNotFound:  # deleted, but still in the setting
                continue
            except RollbackError as error:
                failure = error
        raise failure or not_offered()

    def _option(self, connection: str, deployment: str) -> DeploymentOption:
        offered = self._offered(connection)
        every = offered.pop(ALL, None)
        if deployment in offered:
            return offered[deployment]
        if every is not None:
            for one in self._reader.list_deployments(connection):
                if one.id == deployment:
                    return _one_of(every, one)
        raise not_offered()

    def _offered(self, connection: str) -> dict[str, DeploymentOption]:
        offered: dict[str, DeploymentOption] = {}
        for option in self._load_options():
            if option.connection == connection:
                offered.setdefault(option.deployment, option)
        return offered

    def _plan(self, option: DeploymentOption, snapshot: Snapshot, target: str, scope: str) -> RollbackPlan:
        reading = Reading(snapshot.survey, History(snapshot.deploys).read_out())
        deployment_id = snapshot.survey.deployment.id
        return self._reader.call(
            option,
            lambda client: client.plan(
                deployment_id, DeploySelector("id", target), scope or None, reading=reading
            ),
        )

    def _rows(
        self, option: DeploymentOption, snapshot: Snapshot, query: HistoryQuery
    ) -> tuple[list[Row], Cursor | None]:
        """Return the next rows, and the cursor after them.

        A search reads several pages, within bounds: the user waits for it.
        """
        rows, cursor = _make_rows(snapshot, self._page(option, snapshot, query.cursor), query.cursor)
        until = self._clock() + _SECONDS_PER_SEARCH
        while query.searching and cursor and len(rows) < _ROWS_PER_SEARCH and self._clock() < until:
            more, cursor = _make_rows(snapshot, self._page(option, snapshot, cursor), cursor)
            rows += more
        return rows, cursor

    def _page(self, option: DeploymentOption, snapshot: Snapshot, cursor: Cursor | None) -> Page:
        if cursor is None:
            return snapshot.survey.page
        return self._reader.read_older(option, snapshot.survey.deployment.id, cursor.after)


@cache
def get_service() -> Service:
    """Return the service of this server process. The first use of the page creates it."""
    return Service(Reader(Platforms(), Cache()))


def _one_of(option: DeploymentOption, deployment: Deployment) -> DeploymentOption:
    """Return the option for one Deployment of a connection that offers all."""
    return replace(option, deployment=deployment.id, label=deployment.name)


def _option(option: DeploymentOption, reason: str | None) -> Answer:
    return {**asdict(option), "may_roll_back": reason is None, "reason": reason}


def _make_rows(snapshot: Snapshot, page: Page, cursor: Cursor | None) -> tuple[list[Row], Cursor | None]:
    """Return the rows of a page, and the cursor after them."""
    row_checks = RowChecks(snapshot.survey, snapshot.capabilities, snapshot.deploys, page.deploys)
    superseded_tracker = SupersededTracker(cursor.rollback if cursor else None)
    rows = [row_checks.row(deploy, superseded_tracker.superseded_by(deploy)) for deploy in page.deploys]
    if not rows or page.next_cursor is None:
        return rows, None
    return rows, Cursor(page.next_cursor, superseded_tracker.rollback)


def _own_deployment_warnings(plan: RollbackPlan) -> Iterator[PlanWarning]:
    """Warn about the downgrade of the Deployment in which this Airflow runs: a Dag that waits refuses it."""
    inside = None if plan.downgrade is False else runs_inside(plan.deployment)
    if inside is not None:
        yield PlanWarning(
            "RUNS-INSIDE",
            f"This Airflow runs inside the Deployment ({inside}), which would be downgraded. The downgrade "
            "stops all running tasks, and also the one that rolls back. A rollback Dag that waits refuses "
            "it. Use the page in another Deployment, or the platform's own page.",
            severe=True,
        )


def _without_tags(plan: Answer) -> Answer:
    shown = {
        name: {**plan[name], "description": without_tag(plan[name]["description"])}
        for name in ("current", "target")
    }
    return {**plan, **shown}


def _start(option: DeploymentOption, plan: RollbackPlan, addresses: Addresses) -> Answer:
    """Return the request with which the browser starts the run, with the rights of the user."""

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
