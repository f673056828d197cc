# SPDX-License-Identifier: Apache-2.0
"""The parts of a plan about what changes, what stays, and how to undo it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_rollback_provider.domain.compatibility import PlanWarning
from airflow_rollback_provider.domain.deploys import Access, Mechanism, NamedBundle, Scope
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.domain.summary import explain
from tests.support.builders import ASTRO, BAD, FULL_ACCESS, GOING, ODD, deploy, deployment, plan, rollback

D1, D2 = deploy("d1", 4, runtime_version="13.1.0"), deploy("d2", 3)
NEW = deploy("new", 1, runtime_version="3.1-12")
IMAGE = "the image with the Astro Runtime version and the project's code"
SETTING = "the Deployment's Dag deploy setting"
NEVER = (
    "resources (executor, scheduler, workers and their sizes)",
    "environment variables",
    "other settings of the Deployment (name, description)",
)


@pytest.mark.parametrize(
    ("mechanism", "scope", "comes_back", "stays"),
    [
        (Mechanism.DAG_DEPLOY, Scope.IMAGE_AND_DAGS, (IMAGE, "the Dags", SETTING), ()),
        (Mechanism.DAG_DEPLOY, Scope.IMAGE, (IMAGE,), ("the Dags",)),
        (Mechanism.DAG_DEPLOY, Scope.DAGS, ("the Dags",), ("the image and the Astro Runtime version",)),
        (Mechanism.IMAGE, Scope.IMAGE, (IMAGE, "the Dags", SETTING), ()),
        (Mechanism.GIT_SYNC, Scope.IMAGE, (IMAGE, SETTING), ("the Dags",)),
    ],
)
def test_what_comes_back_and_what_stays(
    mechanism: Mechanism, scope: Scope, comes_back: tuple[str, ...], stays: tuple[str, ...]
) -> None:
    """Each part is in one of the two lists; resources, variables and settings always stay."""
    rows = [replace(row, mechanism=mechanism) for row in (D1, D2)]
    made = plan(*rows, scope=scope, deployment=deployment(mechanism=mechanism))
    assert made.rolled_back == comes_back
    assert made.not_rolled_back == (*stays, *NEVER)


def changes(made: RollbackPlan) -> list[tuple[str, str, str]]:
    """A plan's changes as tuples."""
    return [(change.what, change.before, change.after) for change in made.changes]


def test_the_changes_name_both_sides() -> None:
    """Image, Runtime and Dags, with the beginning of the commit, and what is not known as such."""
    commit = "0123456789abcdef"
    old = replace(D1, dag_bundle=None, git_commit=commit)
    assert changes(plan(old, replace(D2, image_tag=None), target="d1")) == [
        ("image", "not known", "tag-d1"),
        ("Runtime", "13.2.0 (Airflow 2.11)", "13.1.0 (Airflow 2.11)"),
        ("Dags", "bundle bundle-d2", "bundle not known, commit 0123456789"),
    ]
    assert [what for what, *_ in changes(plan(D1, D2, scope=Scope.IMAGE))] == ["image", "Runtime"]
    assert [what for what, *_ in changes(plan(D1, D2, scope=Scope.DAGS))] == ["Dags"]
    in_image = [replace(row, mechanism=Mechanism.IMAGE) for row in (D1, D2)]
    based = plan(*in_image, deployment=deployment(mechanism=Mechanism.IMAGE))
    assert changes(based)[-1] == ("Dags", "those in the image", "those in the image")


def test_undo_goes_forward_to_what_runs_now() -> None:
    """The scope is named, and what a downgrade erases does not come back."""
    assert plan(D1, D2).undo == (
        "Roll back to deploy d2 (the one that runs now), scope image_and_dags, before it is 90 days old. "
        "Erased data does not come back."
    )
    assert "Erased" not in plan(D1, D2, scope=Scope.DAGS).undo
    assert "Erased" not in plan(replace(D1, runtime_version="13.2.0"), D2).undo


def test_undo_promises_nothing_that_has_expired() -> None:
    """The running deploy may be too old to be a target itself."""
    undo = plan(deploy("d1", 80), deploy("d2", 100)).undo
    assert undo == (
        "A rollback cannot undo this one: deploy d2, which runs now, is more than 90 days old. "
        "To return, deploy the current version again."
    )
    assert plan(deploy("d1", 95), deploy("d2", 90)).undo.startswith("Roll back to deploy d2")


def warned(made: RollbackPlan) -> set[str]:
    """The codes of the warnings that do not come from the versions."""
    return {warning.code for warning in made.warnings if warning not in made.verdict.warnings}


def test_a_target_that_was_rolled_back_from_is_warned_of() -> None:
    """The first warning has the author, the day and the reason of that rollback."""
    tag = f"[idempotency-key:{'0' * 20}]"
    back = rollback("r", D1, 1.5, description=f"Release 2\n loses orders {tag}", created_by="ana")
    rows = (D1, D2, back, deploy("d3", 1))
    made = plan(*rows, target="d2")
    assert made.warnings[0] == PlanWarning(
        "TARGET-ROLLED-BACK-FROM",
        f"Deploy d2 brings back what was rolled back from on {back.created_at:%Y-%m-%d} by ana (rollback r). "
        "The reason was: “Release 2 loses orders”.",
        severe=True,
    )
    assert f"(!) {made.warnings[0].message}" in explain(made)
    assert made.allowed
    assert "TARGET-ROLLED-BACK-FROM" not in warned(plan(*rows, target="d1"))


def test_content_that_was_rolled_back_from_is_warned_of() -> None:
    """A rollback from the same content counts, also after another deploy of it, unless that accepts it."""
    twin = replace(deploy("twin", 3.5), image_tag=D2.image_tag, dag_bundle=D2.dag_bundle)
    back = replace(rollback("r", D1), description="")
    assert "No reason was given." in plan(D1, twin, D2, back, target="twin").warnings[0].message
    again = replace(D2, id="again", created_at=back.created_at)
    newer = deploy("newer", 0.1)
    assert "TARGET-ROLLED-BACK-FROM" in warned(plan(D1, D2, back, again, newer, target="again"))
    again = replace(again, description="Not the cause [accept-release]")
    assert "TARGET-ROLLED-BACK-FROM" not in warned(plan(D1, D2, back, again, newer, target="again"))
    dags = replace(back, scope=Scope.DAGS)
    assert "TARGET-ROLLED-BACK-FROM" not in warned(
        plan(D1, twin, D2, dags, newer, target="twin", scope=Scope.IMAGE)
    )


def test_dags_that_stay_are_warned_of() -> None:
    """The warning needs Dags outside the image."""
    assert warned(plan(D1, D2, scope=Scope.IMAGE)) == {"DAGS-STAY"}
    based = [replace(row, mechanism=Mechanism.IMAGE) for row in (D1, D2)]
    assert warned(plan(*based, deployment=deployment(mechanism=Mechanism.IMAGE))) == set()


def test_dags_of_another_airflow_are_warned_of() -> None:
    """Both versions must be known, and the Runtime must not be rolled back."""
    made = plan(D1, NEW, scope=Scope.DAGS)
    assert "DAGS-OF-OTHER-AIRFLOW" in warned(made)
    assert made.warnings[0].severe
    assert warned(plan(D1, NEW)) == set()
    assert warned(plan(D1, D2, scope=Scope.DAGS)) == set()
    assert warned(plan(replace(D1, runtime_version=None), D2, scope=Scope.DAGS)) == set()


def test_named_bundles_stay() -> None:
    """The plan lists those that run. It warns if the target is from before one of them."""
    dbt, more = NamedBundle("dbt", "7"), NamedBundle("more", "1")
    made = plan(replace(D1, bundles=(dbt,)), replace(D2, bundles=(dbt, more)))
    assert made.allowed
    assert "the named Dag bundles (dbt 7, more 1)" in made.not_rolled_back
    (warning,) = [one for one in made.warnings if one.code == "NAMED-BUNDLES-STAY"]
    assert "more 1" in warning.message
    assert "dbt" not in warning.message


@pytest.mark.parametrize("scope", [Scope.IMAGE_AND_DAGS, Scope.DAGS])
def test_runs_that_are_cleared_afterwards_are_warned_of(scope: Scope) -> None:
    """Only Airflow 3 keeps the version of a run, and only Dags that go back change it."""
    before = deploy("before", 2, runtime_version="3.1-12")
    (warning,) = [one for one in plan(before, NEW, scope=scope).warnings if "CLEARED" in one.code]
    assert "run_on_latest_version" in warning.message
    assert "rerun_with_latest_version=True" in warning.message
    assert warned(plan(before, NEW, scope=Scope.IMAGE)) == {"DAGS-STAY"}
    assert "CLEARED-RUNS-KEEP-VERSION" not in warned(plan(D1, NEW)) | warned(plan(D1, D2, scope=scope))
    in_image = [replace(row, mechanism=Mechanism.IMAGE) for row in (before, NEW)]
    here = deployment(mechanism=Mechanism.IMAGE, runtime_version="3.1-12")
    based = plan(*in_image, deployment=here)
    assert warned(based) == {"CLEARED-RUNS-KEEP-VERSION"}


@pytest.mark.parametrize(("scope", "word"), [(None, "mechanism goes back"), (Scope.DAGS, "may go back")])
def test_a_mechanism_that_changes_is_warned_of(scope: Scope | None, word: str) -> None:
    """It goes back with the whole; with a part it may."""
    there = Mechanism.IMAGE if scope is None else Mechanism.VOLUME
    made = plan(replace(D1, mechanism=there), D2, scope=scope)
    (warning,) = [warning for warning in made.warnings if warning.code == "MECHANISM-CHANGES"]
    assert word in warning.message
    assert warned(plan(replace(D1, mechanism=Mechanism.UNKNOWN), D2)) == set()


@pytest.mark.parametrize(("status", "expected"), [(ODD, True), (GOING, True), (BAD, False)])
def test_warning_about_a_latest_deploy_that_is_not_finished(status: object, expected: bool) -> None:
    """It may change the running content; a failed deploy does not."""
    found = warned(plan(D1, D2, deploy("d3", 1, status=status), deployment=deployment()))
    assert ("LATEST-DEPLOY-NOT-FINISHED" in found) is expected


def test_what_could_not_be_read_is_warned_of() -> None:
    """The warning needs a platform with permissions and switches; both switches count."""
    assert warned(plan(D1, D2, access=Access())) == {"PERMISSIONS-NOT-KNOWN", "SWITCHES-NOT-KNOWN"}
    assert warned(plan(D1, D2, access=Access(), capabilities=ASTRO)) == set()
    for unknown in ("enabled_on_installation", "enabled_on_deployment"):
        access = replace(FULL_ACCESS, **dict[str, Any]({unknown: None}))
        assert warned(plan(D1, D2, access=access)) == {"SWITCHES-NOT-KNOWN"}
    assert warned(plan(D1, D2, access=replace(FULL_ACCESS, permissions=None))) == {"PERMISSIONS-NOT-KNOWN"}
