# SPDX-License-Identifier: Apache-2.0
"""What each operation of Astro Private Cloud is for, and what does not work without it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from airflow_rollback_provider.domain.findings import Status


@dataclass(frozen=True)
class Use:
    """What an operation is for.

    :param gravity: how it is to be taken where the schema does not have it.
    :param without: what does not work then.
    :param many: whether its result is a list.
    :param needed: fields of its result without which it is of no use.
    """

    gravity: Status
    without: str
    many: bool = False
    needed: Collection[str] = ("id",)


USES: Mapping[str, Use] = {
    "check": Use(Status.WARNING, "The doctor cannot tell whose the token is.", needed=()),
    "survey_context": Use(Status.ERROR, "Nothing can be planned."),
    "deploys": Use(Status.ERROR, "No deploy history can be read, so nothing can be planned.", many=True),
    "survey_history": Use(Status.WARNING, "Plans do not know permissions and toggle.", many=True),
    "deploy": Use(Status.ERROR, "A deploy that is not among the newest cannot be read by its id."),
    "deployment": Use(Status.ERROR, "It cannot be seen what a Deployment runs after a rollback."),
    "roll_back": Use(Status.ERROR, "Nothing can be rolled back."),
    "logs": Use(
        Status.WARNING,
        "The platform's log lines do not reach the task log.",
        many=True,
        needed=("id", "timestamp", "message"),
    ),
    "workspace_deployments": Use(
        Status.WARNING,
        "Deployments cannot be named by their release name.",
        many=True,
        needed=("id", "releaseName"),
    ),
    "deployment_before_1_0": Use(Status.WARNING, "The Deployment's Airflow version is not known."),
}
DISPENSABLE = ("take", "releaseName", "component", "search")
"""Variables without which an operation still does what it must."""

NOT_ALWAYS_GIVEN = ("cursor", "component", "search")
"""Variables that are given only where there is something to give."""


def operations_in_use(version: object, *, has_workspace: bool) -> tuple[str, ...]:
    """Name the operations that a connection needs.

    :param version: the installation's version, if it is known.
    :param has_workspace: whether the connection names a workspace to look release names up in.
    """
    left_out = set() if has_workspace else {"workspace_deployments"}
    if not (isinstance(version, str) and version.startswith("0.")):
        left_out.add("deployment_before_1_0")
    return tuple(name for name in USES if name not in left_out)
