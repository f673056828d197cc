# SPDX-License-Identifier: Apache-2.0
"""The checks besides the versions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_rollback_provider.domain.checks import (
    CHECKS,
    CheckContext,
    FailedCheck,
    by_default,
    default_scope,
    failed_checks,
    required_permissions,
)
from airflow_rollback_provider.domain.deploys import Access, Mechanism, NamedBundle, RequestRefusal, Scope
from tests.support.builders import (
    ASTRO,
    BAD,
    FULL_ACCESS,
    GOING,
    HOUSTON,
    NOW,
    ODD,
    PERMISSIONS,
    deploy,
    deployment,
)

CURRENT, TARGET = deploy("d2", 1), deploy("d1", 2)
GOOD = CheckContext(deployment(), CURRENT, TARGET, CURRENT, Scope.IMAGE_AND_DAGS, FULL_ACCESS, HOUSTON, NOW)
V1, V2 = NamedBundle("dbt", "1", "b1"), NamedBundle("dbt", "2", "b1")
IMAGES, DAGS = PERMISSIONS["image"], PERMISSIONS["dags"]


def codes(context: CheckContext = GOOD, **values: Any) -> list[str]:
    """The codes of the checks that fail."""
    return [check.code for check in failed_checks(replace(context, **values))]


def with_mechanisms(here: Mechanism, there: Mechanism, scope: Scope) -> CheckContext:
    """A situation that differs in how Dags reach the Deployment now and then."""
    return replace(
        GOOD, deployment=deployment(mechanism=here), target=replace(TARGET, mechanism=there), scope=scope
    )


SPOILED: list[tuple[str, dict[str, Any]]] = [
    ("TARGET-OF-OTHER-DEPLOYMENT", {"target": replace(TARGET, deployment_id="other")}),
    ("TARGET-NOT-SUCCEEDED", {"target": replace(TARGET, status=BAD)}),
    ("TARGET-NOT-SUCCEEDED", {"target": replace(TARGET, status=GOING)}),
    ("TARGET-NOT-SUCCEEDED", {"target": replace(TARGET, status=ODD)}),
    ("TARGET-EXPIRED", {"target": deploy("d1", 91)}),
    ("TARGET-RUNS-ALREADY", {"target": CURRENT}),
    ("TARGET-RUNS-ALREADY", {"same_origin": True}),
    ("TARGET-RUNS-ALREADY", {"target": replace(CURRENT, id="d1")}),
    ("SCOPE-NOT-OFFERED", {"capabilities": replace(HOUSTON, scopes=False), "scope": Scope.DAGS}),
    ("MECHANISM-CANNOT-ROLL-BACK", {"target": replace(TARGET, mechanism=Mechanism.VOLUME)}),
    ("SCOPE-DOES-NOT-FIT", {"deployment": deployment(mechanism=Mechanism.IMAGE)}),
    (
        "TARGET-HAS-NO-DAGS",
        {"scope": Scope.DAGS, "target": replace(TARGET, mechanism=Mechanism.IMAGE)},
    ),
    ("GIT-SYNC-ON-ONE-SIDE", {"target": replace(TARGET, mechanism=Mechanism.GIT_SYNC)}),
    ("NAMED-BUNDLE-DIFFERS", {"target": replace(TARGET, bundles=(V1,))}),
    (
        "NAMED-BUNDLE-DIFFERS",
        {"current": replace(CURRENT, bundles=(V2,)), "target": replace(TARGET, bundles=(V1,))},
    ),
    ("NAMED-BUNDLE-DIFFERS", {"current": replace(TARGET, id="now", bundles=(V2,))}),
    (
        "REQUEST-NOT-KNOWN",
        {"access": replace(FULL_ACCESS, request_refusals=(RequestRefusal("No.", "Set."),))},
    ),
    ("PERMISSION-MISSING", {"access": replace(FULL_ACCESS, permissions=frozenset({IMAGES}))}),
    ("ROLLBACK-OFF-ON-INSTALLATION", {"access": replace(FULL_ACCESS, enabled_on_installation=False)}),
    ("ROLLBACK-OFF-ON-DEPLOYMENT", {"access": replace(FULL_ACCESS, enabled_on_deployment=False)}),
]


@pytest.mark.parametrize(("code", "values"), SPOILED)
def test_each_check_fails_alone(code: str, values: dict[str, Any]) -> None:
    """One violation fails one check, with two whole sentences."""
    (failure,) = failed_checks(replace(GOOD, **values))
    assert failure.code == code
    assert failure.reason.endswith(".")
    assert failure.remedy.endswith(".")
    assert str(failure) == f"{code}: {failure.reason} {failure.remedy}"


def test_bundles_that_run_already_or_stay_forbid_nothing() -> None:
    """The same version runs, or it is not known, or the target is from before the bundle."""
    assert codes(current=replace(CURRENT, bundles=(V1,)), target=replace(TARGET, bundles=(V1,))) == []
    unknown = NamedBundle("dbt")
    assert codes(current=replace(CURRENT, bundles=(V1,)), target=replace(TARGET, bundles=(unknown,))) == []
    assert codes(current=replace(CURRENT, bundles=(V1,))) == []


@pytest.mark.parametrize(("bundle_id", "shown"), [("b1", "b1"), (None, "{bundleId}")])
def test_the_request_that_rolls_a_bundle_back_is_named(bundle_id: str | None, shown: str) -> None:
    """With the Deployment, the bundle and the version of the target."""
    context = replace(
        GOOD,
        current=replace(CURRENT, bundles=(replace(V2, id=bundle_id),)),
        target=replace(TARGET, bundles=(replace(V1, id=bundle_id),)),
        capabilities=replace(HOUSTON, bundle_endpoint="POST /d/{deployment_id}/b/{bundle_id}/rollback"),
    )
    (failure,) = failed_checks(context)
    assert f'(POST /d/dep/b/{shown}/rollback with {{"version": "1"}})' in failure.remedy
    assert "dbt 2 runs now" in failure.reason


def test_every_check_has_a_case_and_a_code_of_its_own() -> None:
    """No check is left out above, and no code means two things."""
    registered = [check.code for check in CHECKS]
    assert len(set(registered)) == len(registered)
    assert {code for code, _ in SPOILED} == set(registered)


def test_all_failures_are_reported_together() -> None:
    """Not the first alone, and in the order of the list."""
    target = replace(
        deploy("d1", 200), deployment_id="other", status=BAD, mechanism=Mechanism.GIT_SYNC, image_tag="tag-d2"
    )
    found = codes(
        target=target,
        scope=Scope.DAGS,
        deployment=deployment(mechanism=Mechanism.VOLUME),
        access=Access(frozenset(), False, "the.flag", False),
        capabilities=replace(HOUSTON, scopes=False),
        same_origin=True,
    )
    assert found == [
        "TARGET-OF-OTHER-DEPLOYMENT",
        "TARGET-NOT-SUCCEEDED",
        "TARGET-EXPIRED",
        "TARGET-RUNS-ALREADY",
        "SCOPE-NOT-OFFERED",
        "MECHANISM-CANNOT-ROLL-BACK",
        "GIT-SYNC-ON-ONE-SIDE",
        "PERMISSION-MISSING",
        "ROLLBACK-OFF-ON-INSTALLATION",
        "ROLLBACK-OFF-ON-DEPLOYMENT",
    ]


@pytest.mark.parametrize("days", [90.0, 7.0, 0.5])
def test_retention_ends_after_its_last_moment(days: float) -> None:
    """Exactly as old as the window is still in it."""
    capabilities = replace(HOUSTON, retention_days=days)
    edge = replace(TARGET, created_at=NOW - timedelta(days=days))
    older = replace(edge, created_at=edge.created_at - timedelta(microseconds=1))
    assert codes(target=edge, capabilities=capabilities) == []
    (failure,) = failed_checks(replace(GOOD, target=older, capabilities=capabilities))
    assert f"more than {days:g} days ago" in failure.reason
    assert f"{older.created_at:%Y-%m-%d}" in failure.reason


def test_the_latest_deploy_is_excused_from_retention_where_the_platform_says_so() -> None:
    """Hosted Astro allows the latest at any age, that one alone."""
    old = deploy("d1", 200)
    excused: dict[str, Any] = {"target": old, "latest": old, "capabilities": ASTRO, "access": Access()}
    assert codes(**excused) == []
    assert codes(**{**excused, "latest": CURRENT}) == ["TARGET-EXPIRED"]
    assert codes(**{**excused, "capabilities": replace(ASTRO, latest_always_allowed=False)}) == [
        "TARGET-EXPIRED"
    ]


def test_same_content_counts_within_the_scope() -> None:
    """The same Dags need no rollback even if the image differs; unknown Dags are not the same."""
    same_dags = replace(TARGET, dag_bundle=CURRENT.dag_bundle)
    assert codes(target=same_dags, scope=Scope.DAGS) == ["TARGET-RUNS-ALREADY"]
    assert codes(target=same_dags, scope=Scope.IMAGE) == []
    assert codes(target=same_dags) == []
    assert codes(target=replace(CURRENT, id="d1", image_tag=None)) == []
    assert codes(current=replace(CURRENT, image_tag=None), target=replace(CURRENT, id="d1")) == []


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("mechanism", list(Mechanism))
def test_the_scope_fits_the_mechanism(mechanism: Mechanism, scope: Scope) -> None:
    """The image in image-based, Dag-only and git-sync Deployments; Dags in those with Dag-only deploys."""
    allowed = {
        Mechanism.IMAGE: {Scope.IMAGE},
        Mechanism.GIT_SYNC: {Scope.IMAGE},
        Mechanism.DAG_DEPLOY: set(Scope),
        Mechanism.UNKNOWN: set(Scope),
        Mechanism.VOLUME: set(),
    }
    found = codes(with_mechanisms(mechanism, mechanism, scope))
    assert (found == []) is (scope in allowed[mechanism])
    if mechanism is Mechanism.VOLUME:
        assert "MECHANISM-CANNOT-ROLL-BACK" in found


@pytest.mark.parametrize(("here", "there"), list(itertools.product(Mechanism, Mechanism)))
def test_git_sync_goes_back_to_git_sync(here: Mechanism, there: Mechanism) -> None:
    """From git-sync to anything else, or the other way round, is refused where both are known."""
    one_side = (here is Mechanism.GIT_SYNC) != (there is Mechanism.GIT_SYNC)
    refused = one_side and Mechanism.UNKNOWN not in (here, there)
    assert ("GIT-SYNC-ON-ONE-SIDE" in codes(with_mechanisms(here, there, Scope.IMAGE))) is refused


@pytest.mark.parametrize(
    ("mechanism", "scope"),
    [
        (Mechanism.DAG_DEPLOY, Scope.IMAGE_AND_DAGS),
        (Mechanism.UNKNOWN, Scope.IMAGE_AND_DAGS),
        (Mechanism.IMAGE, Scope.IMAGE),
        (Mechanism.GIT_SYNC, Scope.IMAGE),
        (Mechanism.VOLUME, Scope.IMAGE),
    ],
)
def test_a_platform_without_scopes_takes_the_natural_one(mechanism: Mechanism, scope: Scope) -> None:
    """The message for any other text names the expected form."""
    assert default_scope(mechanism) is scope
    for asked in Scope:
        context = replace(with_mechanisms(mechanism, mechanism, asked), capabilities=ASTRO)
        assert ("SCOPE-NOT-OFFERED" in codes(context)) is (asked is not scope)


@pytest.mark.parametrize(
    ("scope", "needed"),
    [(Scope.IMAGE, {IMAGES}), (Scope.DAGS, {DAGS}), (Scope.IMAGE_AND_DAGS, {IMAGES, DAGS})],
)
def test_each_scope_takes_its_permissions(scope: Scope, needed: set[str]) -> None:
    """Each missing one is named; the system-wide form of a permission grants it too."""
    assert set(required_permissions(scope, HOUSTON)) == needed
    names = [IMAGES, DAGS]
    forms = [
        [],
        [f"system.{IMAGES}"],
        [IMAGES],
        [DAGS],
        [f"system.{DAGS}", IMAGES],
        ["deployment.images.get"],
    ]
    for granted in forms:
        access = replace(FULL_ACCESS, permissions=frozenset(granted))
        found = failed_checks(replace(GOOD, scope=scope, access=access))
        plain = {name.removeprefix("system.") for name in granted}
        expected = [name for name in names if name in needed - plain]
        assert [check.reason.split("permission ")[1].split(" ")[0] for check in found] == expected


def test_what_is_not_known_does_not_fail() -> None:
    """The platform checks unknown permissions and switches; without published ones none is required."""
    assert codes(access=Access()) == []
    assert codes(access=Access(frozenset()), capabilities=replace(HOUSTON, permissions={})) == []
    assert required_permissions(Scope.IMAGE_AND_DAGS, replace(HOUSTON, permissions={})) == ()
    assert required_permissions(Scope.IMAGE_AND_DAGS, replace(HOUSTON, permissions={"dags": DAGS})) == (DAGS,)


def test_the_flag_of_the_installation_is_named() -> None:
    """The error names the setting for an administrator."""
    access = replace(FULL_ACCESS, enabled_on_installation=False, installation_flag="some.flag")
    (failure,) = failed_checks(replace(GOOD, access=access))
    assert isinstance(failure, FailedCheck)
    assert "some.flag" in failure.remedy


@pytest.mark.parametrize(
    ("roles", "text"),
    [
        ({"DEPLOYMENT_EDITOR", "CUSTOM"}, " By default the role DEPLOYMENT_EDITOR of its owner grants them."),
        ({"WORKSPACE_VIEWER"}, " By default the role WORKSPACE_VIEWER of its owner does not grant them."),
        ({"CUSTOM"}, ""),
        ({"CUSTOM", "DEPLOYMENT_VIEWER"}, ""),
        (None, ""),
    ],
)
def test_a_role_says_only_what_is_its_default(roles: set[str] | None, text: str) -> None:
    """A role that is not among the defaults says nothing."""
    assert by_default(roles) == text
