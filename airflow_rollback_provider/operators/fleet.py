# SPDX-License-Identifier: Apache-2.0
"""The operator that sums up the rollbacks of many Deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import BaseOperator, states_of
from airflow_rollback_provider.domain.arguments import flag
from airflow_rollback_provider.domain.errors import BadInput, FleetIncomplete
from airflow_rollback_provider.hooks.failures import task_failures
from airflow_rollback_provider.rollback.callbacks import FAILURE, CallbackArgument, RollbackReport
from airflow_rollback_provider.rollback.fleet import Member, member, sum_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.compat import Context

RESULT = "return_value"


class FleetSummaryOperator(BaseOperator):
    """Sum up the rollbacks of a mapped ``RollbackOperator`` once all of them have ended.

    ::

        rollbacks = RollbackOperator.partial(task_id="roll_back", …).expand(deployment_id=[…])
        rollbacks >> FleetSummaryOperator(task_id="sum_up", rollback_task_id="roll_back")

    Its trigger rule is ``all_done``, so that it runs when some rollbacks have failed. Then it fails too,
    because Airflow would call the run a success otherwise.

    ``on_summary_callback`` and Airflow's own callbacks find ``context["rollback"]`` with ``stage``
    (``summed up``), ``summary`` and ``result``.

    :param rollback_task_id: task id of the rollbacks, in a task group with the group's id, such as
        ``group.roll_back``. Default ``roll_back``.
    :param fail_on_failures: fail when a rollback failed or was not begun. Default True.
    :param on_summary_callback: a notifier, a function of the context, or several, called whether the task
        fails or not. One that fails is logged and changes nothing. Default None.
    :raises FleetIncomplete: when a rollback failed or was not begun; no retry.
    :raises BadInput: when the run has no task with the id of the rollbacks; no retry.
    """

    ui_color = "#f4e3c1"

    def __init__(
        self,
        *,
        rollback_task_id: str = "roll_back",
        fail_on_failures: bool = True,
        on_summary_callback: CallbackArgument = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        self.rollback_task_id = rollback_task_id
        self.fail_on_failures = flag(fail_on_failures, "fail_on_failures", default=True)
        self.on_summary_callback = on_summary_callback

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the summary, or push it to XCom and fail."""
        with task_failures():
            result = sum_up(self._members(context))
        self.log.info("%s", result["summary"])
        RollbackReport(context, self.log).enter(
            "summed up", self.on_summary_callback, summary=result["summary"], result=result
        )
        if not self.fail_on_failures or not (result["failed"] or result["not_begun"]):
            return result
        context["ti"].xcom_push(key=RESULT, value=result)
        with task_failures():
            raise FleetIncomplete(result["summary"])

    def _members(self, context: Context) -> Iterator[Member]:
        states = states_of(context, self.rollback_task_id)
        if not states:  # a list of no Deployments leaves one instance, which is skipped
            raise BadInput(
                f"rollback_task_id is {self.rollback_task_id!r}, and this run has no such task. The tasks "
                f"right before this one: {', '.join(sorted(self.upstream_task_ids)) or 'none'}. In a task "
                "group, the id begins with the id of the group."
            )
        for index, state in sorted(states.items()):
            result, failure = self._left(context, index, RESULT), self._left(context, index, FAILURE)
            nothing_to_map = index < 0 and state == "skipped" and not failure
            if state != "removed" and not nothing_to_map:
                yield member(index, state, result, failure)

    def _left(self, context: Context, index: int, key: str) -> Any:
        return context["ti"].xcom_pull(task_ids=self.rollback_task_id, key=key, map_indexes=index)
