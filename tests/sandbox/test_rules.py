# SPDX-License-Identifier: Apache-2.0
"""The platform's rules, one line a case, written from the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_rollback_provider.sandbox.errors import Refused
from airflow_rollback_provider.sandbox.factories import Draft
from airflow_rollback_provider.sandbox.model import Deployment
from airflow_rollback_provider.sandbox.rules import forbidden_path
from airflow_rollback_provider.sandbox.tokens import TOKENS
from airflow_rollback_provider.sandbox.versions import is_downgrade
from airflow_rollback_provider.sandbox.world import RollbackRequest, World

Add = Callable[..., Deployment]
DAY = 86_400.0


@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [
        # Airflow 3 to Airflow 3: both 3.1-2 or later
        ("3.1-12", "3.1-2", True),
        ("3.3-2", "3.1-2", True),
        ("3.1-2", "3.3-2", True),
        ("3.1-2", "3.1-1", False),
        ("3.1-1", "3.1-2", False),
        ("3.1-12", "3.0-4", False),
        # Airflow 3 to Airflow 2: from 3.1-2 to 12.x and 13.x
        ("3.1-2", "12.0.0", True),
        ("3.3-2", "13.9.9", True),
        ("3.1-2", "11.14.0", False),
        ("3.1-2", "14.0.0", False),
        ("3.1-2", "3.0.4", False),
        ("3.1-1", "13.0.0", False),
        # Airflow 2 to Airflow 2: both 5.0.0 or later
        ("13.2.0", "5.0.0", True),
        ("5.0.0", "13.2.0", True),
        ("13.2.0", "4.9.9", False),
        ("4.2.8", "5.0.0", False),
        ("12.0.0", "3.0.4", False),
        # never
        ("13.2.0", "3.1-2", False),
        ("4.0-1", "3.1-2", False),
        ("3.1-2", "custom", False),
    ],
)
def test_the_table_of_paths(source: str, target: str, allowed: bool) -> None:
    """Each line of the contract's table, its edges included."""
    assert (forbidden_path(source, target) is None) is allowed


def test_a_runtime_that_cannot_be_read_is_no_downgrade() -> None:
    """Nothing is erased on a guess."""
    assert not is_downgrade("custom", "12.0.0")


@pytest.mark.parametrize(
    ("mechanism", "scope", "token", "refusal"),
    [
        ("image", "IMAGE", "images-only", None),
        ("image", "IMAGE_AND_DAGS", "editor", None),
        ("image", "DAGS", "editor", "part of its image"),
        ("git_sync", "IMAGE", "images-only", None),
        ("git_sync", "DAGS", "editor", "come from git"),
        ("git_sync", "IMAGE_AND_DAGS", "editor", "come from git"),
        ("dag_deploy", "IMAGE", "images-only", None),
        ("dag_deploy", "DAGS", "dags-only", None),
        ("dag_deploy", "IMAGE_AND_DAGS", "editor", None),
        ("dag_deploy", "IMAGE", "no-history", None),
        ("dag_deploy", "IMAGE", "dags-only", "permissions"),
        ("dag_deploy", "DAGS", "images-only", "permissions"),
        ("dag_deploy", "IMAGE_AND_DAGS", "images-only", "permissions"),
        ("dag_deploy", "DAGS", "viewer", "permissions"),
        ("dag_deploy", "IMAGE", "other-workspace", "permissions"),
        ("dag_deploy", "EVERYTHING", "editor", "Unknown scope"),
        ("volume", "IMAGE", "editor", "NFS"),
    ],
)
def test_scope_mechanism_and_permission_must_fit(
    world: World, add: Add, mechanism: str, scope: str, token: str, refusal: str | None
) -> None:
    """A Deployment and a token allow certain scopes; a refusal changes nothing."""
    deployment = add(Draft(2 * DAY), Draft(DAY), mechanism=mechanism)
    target = deployment.history.rows[0]
    request = RollbackRequest(deployment.id, target.id, scope, "why")
    if refusal is None:
        assert world.roll_back(TOKENS[token], request).rollback_from_id == target.id
    else:
        with pytest.raises(Refused, match=refusal):
            world.roll_back(TOKENS[token], request)
        assert len(deployment.history) == 2


OLD_AND_NEW = (Draft(2 * DAY), Draft(DAY))


@pytest.mark.parametrize(
    ("drafts", "description", "refusal"),
    [
        (OLD_AND_NEW, "x" * 500, None),
        (OLD_AND_NEW, "x" * 501, "longer than 500"),
        (OLD_AND_NEW, "", "description is required"),
        (OLD_AND_NEW, " \n", "description is required"),
        ((Draft(2 * DAY, outcome="FAILED"), Draft(DAY)), "why", "is FAILED"),
        ((Draft(2 * DAY, seconds=None), Draft(DAY)), "why", "is INITIALIZED"),
        ((Draft(89.9 * DAY), Draft(DAY)), "why", None),
        ((Draft(90.1 * DAY), Draft(DAY)), "why", "not found"),
        ((Draft(DAY),), "why", "already runs"),
        ((Draft(3 * DAY), Draft(2 * DAY), Draft(DAY, rollback_to=0)), "why", "already runs"),
        ((Draft(2 * DAY, runtime="3.1-1"), Draft(DAY, runtime="3.1-12")), "why", "3.1-1 takes no part"),
        ((Draft(2 * DAY, mechanism="git_sync"), Draft(DAY, mechanism="dag_deploy")), "why", "git-sync"),
        ((Draft(2 * DAY, mechanism="volume"), Draft(DAY, mechanism="dag_deploy")), "why", "NFS"),
    ],
)
def test_target_and_description_must_fit(
    world: World, add: Add, drafts: tuple[Draft, ...], description: str, refusal: str | None
) -> None:
    """The target (the oldest row) and the description have rules; a refusal changes nothing."""
    deployment = add(*drafts)
    request = RollbackRequest(deployment.id, deployment.history.rows[0].id, "IMAGE_AND_DAGS", description)
    if refusal is None:
        assert world.roll_back(TOKENS["editor"], request).description == description
    else:
        with pytest.raises(Refused, match=refusal):
            world.roll_back(TOKENS["editor"], request)
        assert len(deployment.history) == len(drafts)


def test_the_installation_and_the_deployment_must_allow_rollbacks(world: World, add: Add) -> None:
    """Both the flag of the installation and the toggle of the Deployment have to be on."""
    deployment = add(*OLD_AND_NEW)
    request = RollbackRequest(deployment.id, deployment.history.rows[0].id, "IMAGE", "why")
    world.settings.installation_enabled = False
    with pytest.raises(Refused, match="on this installation"):
        world.roll_back(TOKENS["editor"], request)
    world.settings.installation_enabled = True
    deployment.rollback_enabled = False
    with pytest.raises(Refused, match="Rollback Deploy is not enabled"):
        world.roll_back(TOKENS["editor"], request)


def test_a_foreign_deploy_is_no_target(world: World, add: Add) -> None:
    """A deploy of another Deployment is not found, even for a token that may read both."""
    deployment = add(*OLD_AND_NEW)
    foreign = next(iter(world.deployments.values())).history.rows[-1]
    with pytest.raises(Refused, match="not found"):
        world.roll_back(TOKENS["editor"], RollbackRequest(deployment.id, foreign.id, "IMAGE", "why"))


def test_the_platform_checks_the_real_runtime_of_the_image(world: World, add: Add) -> None:
    """The check also works for a row that does not show its Runtime."""
    deployment = add(Draft(2 * DAY, runtime="3.0-4", shows_runtime=False), Draft(DAY, runtime="3.1-12"))
    target = deployment.history.rows[0]
    with pytest.raises(Refused, match=r"3\.0-4 takes no part"):
        world.roll_back(TOKENS["editor"], RollbackRequest(deployment.id, target.id, "IMAGE", "why"))
