# SPDX-License-Identifier: Apache-2.0
"""The plan: one object, made in one place, JSON in and out."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Mechanism, Scope
from airflow_rollback_provider.domain.errors import BadInput, DeployNotFound, PlanRefused
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.plan import FORMAT, RollbackPlan, make_plan
from airflow_rollback_provider.domain.selector import DeploySelector
from airflow_rollback_provider.domain.versions import RuntimeVersion
from tests.support.builders import (
    ASTRO,
    BAD,
    FULL_ACCESS,
    HOUSTON,
    NOW,
    Counted,
    deploy,
    deployment,
    plan,
    rollback,
)

D1, D2, D3 = deploy("d1", 4, runtime_version="13.1.0"), deploy("d2", 3), deploy("d3", 2)
NEW = deploy("new", 1, runtime_version="3.1-12")


def test_a_plan_says_what_was_decided() -> None:
    """Current, target, latest deploy, scope and the requested target."""
    failed = deploy("failed", 0.5, status=BAD)
    made = plan(D1, D2, failed, target="runtime:13.1.0")
    assert (made.current, made.target, made.latest_id) == (D2, D1, "failed")
    assert (made.scope, made.requested, made.exact) == (Scope.IMAGE_AND_DAGS, "runtime:13.1.0", False)
    assert (made.verdict.code, made.allowed, made.downgrade) == ("AIRFLOW-2-TO-2", True, True)
    assert (made.planned_at, made.platform, made.format) == (NOW, "Astro Private Cloud", FORMAT)
    assert made.permissions == ("deployment.images.push", "deployment.dags.push")
    assert not made.needs_acknowledgement
    made.require_allowed()


def test_an_id_makes_an_exact_plan() -> None:
    """If the caller has the deploy already, it reads no further than the running deploy."""
    assert plan(D1, D2, target="d1").exact
    source = Counted([D3, D2, D1])
    made = make_plan(
        deployment(),
        History(source),
        target=DeploySelector.parse("d1"),
        scope=None,
        access=FULL_ACCESS,
        capabilities=HOUSTON,
        now=NOW,
        chosen=D1,
    )
    assert (made.target, source.taken) == (D1, 1)


def test_nothing_runs_nothing_is_planned() -> None:
    """Also when the target is named by its id."""
    failed = deploy("d1", status=BAD)
    for text in ("d1", "previous"):
        with pytest.raises(DeployNotFound, match="succeeded"):
            plan(failed, target=text)


def test_every_failure_is_in_the_error() -> None:
    """The verdict's and the checks', with their codes, and that nothing was changed."""
    target = deploy("d0", 200, status=BAD, runtime_version="4.2.9")
    made = plan(target, D2, target="d0")
    assert [check.code for check in made.failed_checks] == [
        "AIRFLOW-2-TOO-OLD",
        "TARGET-NOT-SUCCEEDED",
        "TARGET-EXPIRED",
    ]
    assert not made.allowed
    with pytest.raises(PlanRefused, match="Nothing was changed") as caught:
        made.require_allowed()
    assert all(str(check) in str(caught.value) for check in made.failed_checks)
    assert "3 check(s) failed" in str(caught.value)


def test_what_runs_already_is_recognised_through_rollbacks() -> None:
    """This holds even if no row contains its content."""
    silent: dict[str, Any] = {"image": None, "dags": None}
    rows = [deploy("d1", **silent), deploy("d2", **silent)]
    back = replace(rollback("r", rows[0]), image_tag=None, dag_bundle=None)
    made = plan(*rows, back, target="d1")
    assert [check.code for check in made.failed_checks] == ["TARGET-RUNS-ALREADY"]
    assert plan(*rows, back, target="d2").allowed
    partly = replace(back, scope=Scope.DAGS, dag_bundle="bundle-d1")
    assert plan(*rows, partly, target="d1", scope=Scope.IMAGE).allowed


def test_the_deployment_is_believed_before_the_history() -> None:
    """The Deployment's own versions count, and the plan warns of the contradiction."""
    made = plan(D1, D2, deployment=deployment("3.1-12"))
    assert made.verdict.code == "AIRFLOW-3-TO-2"
    assert "RUNS-ANOTHER-VERSION" in warned(made)
    assert "RUNS-ANOTHER-VERSION" not in warned(plan(D1, D2))


def test_a_deployment_that_knows_its_airflow_alone() -> None:
    """The deploy that runs completes it; where it does not, the Airflow version decides."""
    runs = deployment(None, airflow_version="3.1.8")
    assert plan(D1, NEW, deployment=runs).verdict.code == "AIRFLOW-3-TO-2"
    silent = replace(NEW, runtime_version=None)
    assert plan(D1, silent, deployment=runs).verdict.code == "RUNTIME-REVISION-NOT-KNOWN"
    newer = deployment(None, airflow_version="3.2.0")
    assert plan(D1, silent, deployment=newer).verdict.code == "AIRFLOW-3-TO-2"
    assert plan(D1, silent, deployment=deployment(None)).verdict.code == "VERSION-NOT-KNOWN"
    assert plan(D1, NEW, deployment=deployment(None)).verdict.code == "AIRFLOW-3-TO-2"


def test_a_rollback_of_dags_leaves_the_runtime() -> None:
    """The verdict is that of the current versions; the target's Runtime does not count."""
    odd = deploy("d1", 3, runtime_version="3.0-4")
    made = plan(odd, NEW, scope=Scope.DAGS)
    assert (made.verdict.code, made.downgrade, made.allowed) == ("AIRFLOW-3-TO-3", False, True)
    assert "RUNNING-TASKS-GO-ON" in warned(made)
    assert [change.what for change in made.changes] == ["Dags"]
    stuck = deployment("3.0-4")
    older = deploy("d0", 5)
    assert plan(older, odd, scope=Scope.DAGS, deployment=stuck).verdict.code == "RUNTIME-3.0-1-TO-3.1-1"


def warned(made: RollbackPlan) -> set[str]:
    """The codes of a plan's warnings."""
    return {warning.code for warning in made.warnings}


def test_restricted_runtimes_are_warned_of() -> None:
    """The warning needs a platform that names them, and a scope with the image."""
    restricted = {RuntimeVersion.parse("13.1.0")}
    assert "RESTRICTED-RUNTIME" in warned(plan(D1, D2, restricted=restricted))
    assert plan(D1, D2, restricted=restricted).allowed
    assert "RESTRICTED-RUNTIME" not in warned(plan(D1, D2))
    assert "RESTRICTED-RUNTIME" not in warned(plan(D1, D2, D3, restricted=restricted))
    assert "RESTRICTED-RUNTIME" not in warned(
        plan(D2, D3, scope=Scope.DAGS, restricted={RuntimeVersion.parse("13.2.0")})
    )


def test_a_platform_without_scopes_plans_the_natural_one() -> None:
    """The user need not acknowledge anything, and no check fails."""
    made = plan(D1, D2, capabilities=ASTRO)
    assert (made.allowed, made.scope) == (True, Scope.IMAGE_AND_DAGS)
    assert made.permissions == ("deployment.deploys.update",)
    based = deployment(mechanism=Mechanism.IMAGE)
    assert plan(D1, D2, capabilities=ASTRO, deployment=based).scope is Scope.IMAGE


def test_what_the_platform_does_not_offer_is_in_the_plan() -> None:
    """One sentence for each thing that it lacks, and none for a platform that lacks nothing."""
    assert plan(D1, D2).platform_limits == ()
    assert len(plan(D1, D2, capabilities=ASTRO).platform_limits) == 5
    for lacks in ("scopes", "logs", "reasons", "reports_access", "reports_switches"):
        (limit,) = plan(
            D1, D2, capabilities=replace(HOUSTON, **dict[str, Any]({lacks: False}))
        ).platform_limits
        assert limit.endswith(".")


texts = st.text(max_size=20)
maybe = st.none() | texts


@given(texts, maybe, maybe, maybe, st.sampled_from(list(Scope)), st.sampled_from(list(Mechanism)))
def test_any_plan_survives_json(
    description: str,
    tag: str | None,
    runtime: str | None,
    author: str | None,
    scope: Scope,
    mechanism: Mechanism,
) -> None:
    """This holds for any values in a platform's rows."""
    row = replace(
        D1,
        description=description,
        image_tag=tag,
        runtime_version=runtime,
        created_by=author,
        mechanism=mechanism,
    )
    made = plan(row, D2, target="d1", scope=scope, deployment=deployment(runtime, mechanism=mechanism))
    assert RollbackPlan.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_what_is_no_plan_is_refused() -> None:
    """Another format, another type, nothing."""
    damaged: Any
    for damaged in ({}, [], None, "plan", {**GOOD, "format": 2}, {**GOOD, "format": None}):
        with pytest.raises(BadInput, match=f"not a rollback plan of format {FORMAT}"):
            RollbackPlan.from_dict(damaged)  # what JSON may hold instead


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, by its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


PLAN = plan(D1, D2, D3, rollback("r", D2, git_commit="abc1234", created_by="Zoë", updated_at=NOW))
GOOD = PLAN.to_dict()


def spoil(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of a good plan with another value in one place."""
    damaged = copy.deepcopy(GOOD)
    place: Any = damaged
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return damaged


def test_a_value_of_another_type_is_refused() -> None:
    """Anywhere in the plan: a number, an object or a list where none belongs. Nothing else is raised."""
    for path, value in itertools.product(places(GOOD)[1:], (3.5, {"surprise": 1}, [7])):
        with pytest.raises(BadInput, match=r"damaged|not a rollback plan"):
            RollbackPlan.from_dict(spoil(path, value))


def test_a_plan_with_a_hole_is_refused() -> None:
    """Every field of the plan is needed."""
    for name in GOOD:
        with pytest.raises(BadInput, match=r"damaged|not a rollback plan|disagree"):
            RollbackPlan.from_dict({key: value for key, value in GOOD.items() if key != name})


def test_a_field_that_is_not_known_is_refused_and_one_with_a_default_may_be_missing() -> None:
    """So a newer package reads what an older one wrote, and an older one does not drop what it cannot
    read."""
    with pytest.raises(BadInput, match=r"has unknown \['surprise'\]"):
        RollbackPlan.from_dict({**GOOD, "surprise": 1})
    target = {key: value for key, value in GOOD["target"].items() if key != "status_reason"}
    assert RollbackPlan.from_dict({**GOOD, "target": target}) == PLAN


def test_a_plan_that_contradicts_itself_is_refused() -> None:
    """A refused plan does not become an allowed one by deleting its failed checks."""
    refused = plan(deploy("d0", 200, status=BAD, runtime_version=None), D2, target="d0").to_dict()
    values: dict[str, Any]
    for values in ({"failed_checks": []}, {"allowed": True}, {"failed_checks": [], "allowed": True}):
        with pytest.raises(BadInput, match="disagree on whether it is allowed"):
            RollbackPlan.from_dict({**refused, **values})
