# SPDX-License-Identifier: Apache-2.0
"""The operator that decides whether a Deployment may be rolled back without an approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.compat import AirflowSkipException, BaseOperator
from airflow_rollback_provider.domain.arguments import flag, optional, text
from airflow_rollback_provider.domain.errors import BadInput, GuardsRefused
from airflow_rollback_provider.domain.guard_rails import REGRESSED, GuardRails, decide
from airflow_rollback_provider.domain.summary import paragraph
from airflow_rollback_provider.health.verdict import Health
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.hooks.failures import task_failures
from airflow_rollback_provider.metrics import Metrics

if TYPE_CHECKING:
    from airflow_rollback_provider.compat import Context
    from airflow_rollback_provider.domain.deploys import Deployment
    from airflow_rollback_provider.domain.guard_rails import Decision

RESULT = "return_value"


class RollbackDecisionOperator(BaseOperator):
    """Go on to a rollback when a deploy broke something and all guard rails hold; else skip what follows.

    Only the verdict ``regressed`` goes on. The result has the id of the deploy that runs. Give it to
    ``RollbackOperator(expected_current_deploy_id=…)``, so that no later deploy is rolled back.

    Templated: ``astro_conn_id``, ``deployment_id``, ``verdict``, ``deploy_id``.

    :param deployment_id: id or release name of the Deployment.
    :param verdict: the result of ``DeployHealthOperator``, or its verdict alone.
    :param deploy_id: the deploy that was evaluated; it must still be the one that runs. Default: the one that
        the verdict names.
    :param guards: the guard rails. Default: ``GuardRails()``.
    :param fail_if_refused: fail instead of skipping. Default False.
    :param astro_conn_id: Airflow connection to the platform. Default ``astro_private_cloud_default``.
    :raises GuardsRefused: with ``fail_if_refused``; no retry.
    :raises BadInput: when an argument cannot be used; no retry.
    :raises PlatformError: when the history cannot be read; the task's retries apply.
    """

    template_fields: Sequence[str] = ("astro_conn_id", "deployment_id", "verdict", "deploy_id")
    ui_color = "#f4e3c1"

    def __init__(
        self,
        *,
        deployment_id: str,
        verdict: str | Mapping[str, Any],
        deploy_id: str | None = None,
        guards: GuardRails = GuardRails(),  # noqa: B008 - it is frozen
        fail_if_refused: bool = False,
        astro_conn_id: str = DeployHistoryHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment_id = deployment_id
        self.verdict = verdict
        self.deploy_id = deploy_id
        self.guards = guards
        self.fail_if_refused = flag(fail_if_refused, "fail_if_refused")
        self.astro_conn_id = astro_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the decision, or skip what follows; the decision is in XCom either way."""
        with task_failures():
            reading = DeployHistoryHook(text(self.astro_conn_id, "astro_conn_id")).read(
                text(self.deployment_id, "deployment_id")
            )
            decision = decide(
                reading.history,
                reading.survey.now,
                self.guards,
                verdict=_verdict(self.verdict),
                evaluated_id=optional(self.deploy_id, "deploy_id") or _suspect(self.verdict),
            )
            summary = _summary(reading.deployment, decision)
            result = {
                **decision.to_dict(),
                "deployment_id": reading.deployment.id,
                "deployment": reading.deployment.name,
                "summary": summary,
            }
            self.log.info("%s", summary)
            if decision.allowed:
                return result
            # A task that is skipped returns nothing: users and later tasks read the reasons in XCom.
            context["ti"].xcom_push(key=RESULT, value=result)
            if _verdict(self.verdict) == REGRESSED:  # otherwise there was nothing to roll back
                with Metrics(context, self.log) as metrics:
                    metrics.refused(GuardsRefused.__name__, [reason.code for reason in decision.reasons])
            if self.fail_if_refused:
                raise GuardsRefused(summary)
        raise AirflowSkipException(summary)


def _verdict(verdict: object) -> str:
    text = verdict.get("verdict") if isinstance(verdict, Mapping) else verdict
    if not isinstance(text, str) or text.strip() not in {health.value for health in Health}:
        raise BadInput(
            f"verdict is {verdict!r}. Give the result of DeployHealthOperator, such as evaluate.output, or "
            "its verdict: healthy, regressed or inconclusive."
        )
    return text.strip()


def _suspect(verdict: object) -> str | None:
    named = verdict.get("deploy_id") if isinstance(verdict, Mapping) else None
    return optional(named, "deploy_id")


def _summary(deployment: Deployment, decision: Decision) -> str:
    if decision.allowed:
        runs = decision.running.id if decision.running is not None else "nothing"
        return paragraph(f"{deployment} may be rolled back from deploy {runs}: all guard rails hold.")
    reasons = " ".join(map(str, decision.reasons))
    return paragraph(f"{deployment} is not rolled back by itself. {reasons}")
