# SPDX-License-Identifier: Apache-2.0
"""Conformance tests of the platforms: the same cases for each, over each transport."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.domain.deploys import (
    Capabilities,
    Deploy,
    Deployment,
    DeployStatus,
    Mechanism,
    Scope,
)
from airflow_rollback_provider.domain.errors import (
    BadInput,
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    PlanRefused,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    RollbackError,
    TokenExpired,
    TokenRefused,
    Unsupported,
)
from airflow_rollback_provider.domain.idempotency import TAG_LENGTH, describe, find_by_key, without_tag
from airflow_rollback_provider.rollback.outcome import RollbackStatus
from airflow_rollback_provider.rollback.poller import Tracking
from airflow_rollback_provider.rollback.tracking import observe
from airflow_rollback_provider.sandbox.client import PLATFORMS
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.talking import DRIVERS, Talk, Talker

Sandbox = SandboxProcess
KEY = "0123456789abcdef0123"
KEYS = (
    "image-af3",
    "image-af2",
    "dag-deploy-af3",
    "git-sync-af2",
    "volume-af3",
    "moved-to-af3",
    "after-rollback",
    "dormant",
)
MECHANISMS = {
    "image-af3": Mechanism.IMAGE,
    "dag-deploy-af3": Mechanism.DAG_DEPLOY,
    "git-sync-af3": Mechanism.GIT_SYNC,
    "git-sync-af2": Mechanism.GIT_SYNC,
    "volume-af3": Mechanism.VOLUME,
}

VERBS = ("survey", "deployment", "deploys", "deploy", "logs", "list_deployments", "roll_back")


def capable(talking: Talker) -> Capabilities:
    """Return the platform's features: platforms may differ only in these."""
    return talking.platform.capabilities


def need(offered: bool, what: str) -> None:
    """Skip a case about a feature that the platform does not have according to its capabilities."""
    if not offered:
        pytest.skip(f"the platform says that it does not offer {what}")


def requests_since(sandbox: Sandbox, before: int) -> int:
    """Count the requests after the first ``before`` ones."""
    return len(sandbox.requests()) - before


def start(talking: Talker, sandbox: Sandbox, key: str = "image-af3") -> tuple[Deployment, Deploy, Deploy]:
    """Roll a Deployment back to its third latest deploy."""
    deployment = talking.run(talking.platform.deployment(sandbox.deployment(key)["id"]))
    target = talking.run(talking.platform.deploys(deployment.id)).deploys[2]
    return (
        deployment,
        target,
        talking.run(talking.platform.roll_back(deployment, target, Scope.IMAGE, "a reason")),
    )


def tracking(deployment: Deployment, target: Deploy, rollback: Deploy) -> Tracking:
    """Return the tracking of a rollback."""
    return Tracking(deployment.id, rollback.id, target, Scope.IMAGE, 0.0, 0.0, 1.0, "there", {})


@pytest.mark.parametrize("key", KEYS)
def test_a_survey_reads_all_that_a_plan_needs(talk: Talk, rollback_sandbox: Sandbox, key: str) -> None:
    """Deployment, access and latest deploys are read with two requests."""
    rollback_sandbox.settings(nightly_job=False)  # platforms differ in what they keep of a dormant history
    truth = rollback_sandbox.deployment(key)
    talking, before = talk(), len(rollback_sandbox.requests())
    features = capable(talking)
    need(MECHANISMS.get(key, Mechanism.IMAGE) in features.mechanisms, f"the mechanism of {key}")
    survey = talking.run(talking.platform.survey(truth["id"]))
    assert requests_since(rollback_sandbox, before) == 2
    assert survey.deployment.id == truth["id"]
    assert survey.deployment.release_name == truth["releaseName"]
    assert survey.deployment.versions.known
    assert (survey.access.permissions is not None) is features.reports_access
    switched_on = True if features.reports_switches else None
    assert survey.access.enabled_on_installation is switched_on
    assert survey.access.enabled_on_deployment is switched_on
    shown = [row["id"] for row in truth["deploys"]]
    assert [deploy.id for deploy in survey.page.deploys] == shown[: len(survey.page.deploys)]
    assert abs(survey.now - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert survey.clock_skew is not None


@pytest.mark.parametrize("key", list(MECHANISMS))
def test_the_mechanism_is_read(talk: Talk, rollback_sandbox: Sandbox, key: str) -> None:
    """Each Dag deploy mechanism is recognised."""
    talking = talk()
    need(MECHANISMS[key] in capable(talking).mechanisms, f"{MECHANISMS[key]}")
    found = talking.run(talking.platform.deployment(rollback_sandbox.deployment(key)["id"]))
    assert found.mechanism is MECHANISMS[key]


def test_all_fields_of_a_row_are_read(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """Content, author, reason and the target of a rollback are read."""
    truth = rollback_sandbox.deployment("after-rollback")["deploys"]
    talking = talk()
    latest, older, _, _ = talking.run(
        talking.platform.deploys(_id(rollback_sandbox, "after-rollback"))
    ).deploys
    assert latest.is_rollback
    assert latest.rolled_back_to == truth[2]["id"]
    assert latest.description == "Release 3 loses orders"
    assert latest.created_by == "bo.lindqvist@example.com"
    assert latest.status is DeployStatus.SUCCEEDED
    assert latest.image_tag == "release-2"
    assert latest.versions.runtime is not None
    assert latest.created_at.tzinfo is not None
    assert not older.is_rollback
    assert older.rolled_back_to is None


def test_pages_cover_the_history(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The pages have every deploy once, newest first, even if they are small."""
    rollback_sandbox.settings(max_take=7)
    truth = rollback_sandbox.deployment("image-af3")
    talking = talk()
    found: list[Deploy] = []
    cursor = None
    while True:
        page = talking.run(talking.platform.deploys(truth["id"], cursor, limit=7))
        assert len(page.deploys) <= 7
        found += page.deploys
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(found) > 20
    assert len({deploy.id for deploy in found}) == len(found)
    assert [deploy.created_at for deploy in found] == sorted((d.created_at for d in found), reverse=True)
    assert found[0].id == truth["deploys"][0]["id"]


def test_deleted_rows_cause_no_gap(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """Rows that are deleted meanwhile, the cursor's own included, cause neither a gap nor a repetition."""
    rows = [row["id"] for row in rollback_sandbox.deployment("image-af3")["deploys"]]
    deployment_id = _id(rollback_sandbox, "image-af3")
    talking = talk()
    first = talking.run(talking.platform.deploys(deployment_id, limit=5))
    assert [deploy.id for deploy in first.deploys] == rows[:5]
    for row in (rows[2], rows[4], rows[5]):
        rollback_sandbox.remove_deploy("image-af3", row)
    rest = talking.run(talking.platform.deploys(deployment_id, first.next_cursor, limit=5))
    assert [deploy.id for deploy in rest.deploys] == rows[6:11]


def test_new_deploys_cause_no_gap(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """Deploys that are added while older pages are read cause neither a gap nor a repetition."""
    rows = [row["id"] for row in rollback_sandbox.deployment("image-af3")["deploys"]]
    deployment_id = _id(rollback_sandbox, "image-af3")
    talking, found, cursor = talk(), [], None
    while True:
        page = talking.run(talking.platform.deploys(deployment_id, cursor, limit=10))
        found += [deploy.id for deploy in page.deploys]
        cursor = page.next_cursor
        if cursor is None:
            break
        for number in range(len(found) % 7 + 1):
            rollback_sandbox.land_deploy("image-af3", tag=f"newer-{len(found)}-{number}")
    assert found == rows


def test_all_deployments_are_listed_once(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """Over several pages, with their names; those that the token may not read are missing."""
    made = [rollback_sandbox.add_deployment(f"d{number}", label=f"Team {number}") for number in range(230)]
    talker = talk()
    listed = talker.run(talker.platform.list_deployments())
    assert {one.id: one.name for one in listed}.items() >= {one["id"]: one["label"] for one in made}.items()
    assert len({one.id for one in listed}) == len(listed)
    talker = talk("other-workspace")
    (only,) = talker.run(talker.platform.list_deployments())
    assert only.id == rollback_sandbox.deployment("other-workspace", rows=0)["id"]


def test_an_empty_history_is_a_page_without_deploys(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """There is neither an error nor a cursor."""
    talking = talk()
    survey = talking.run(talking.platform.survey(_id(rollback_sandbox, "no-deploys")))
    assert survey.page.deploys == ()
    assert survey.page.next_cursor is None


def test_one_row_and_failed_rows_are_read(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """A history may have one row, or only failed ones."""
    talking = talk()
    one = talking.run(talking.platform.deploys(_id(rollback_sandbox, "one-deploy"))).deploys
    assert [deploy.status for deploy in one] == [DeployStatus.SUCCEEDED]
    failed = talking.run(talking.platform.deploys(_id(rollback_sandbox, "only-failures"))).deploys
    assert {deploy.status for deploy in failed} == {DeployStatus.FAILED}
    assert {bool(deploy.status_reason) for deploy in failed} == {capable(talking).reasons}


def test_rows_without_versions_and_of_unknown_types_pass_through(
    talk: Talk, rollback_sandbox: Sandbox
) -> None:
    """A missing value is None; an unknown type is the platform's word."""
    talking = talk()
    deploys = talking.run(talking.platform.deploys(_id(rollback_sandbox, "image-af3"))).deploys
    without = [deploy for deploy in deploys if deploy.runtime_version is None]
    assert without
    assert not any(deploy.versions.known for deploy in without)
    assert any(deploy.type == "CONFIG_SYNC" for deploy in deploys)


def test_an_exact_deploy_is_read_alone(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """Any deploy takes one request and has the values of its row."""
    deployment_id = _id(rollback_sandbox, "image-af3")
    talking = talk()
    row = talking.run(talking.platform.deploys(deployment_id)).deploys[30]
    before = len(rollback_sandbox.requests())
    assert talking.run(talking.platform.deploy(deployment_id, row.id)) == row
    assert requests_since(rollback_sandbox, before) == 1


@pytest.mark.parametrize(
    "name", ["c" + "0" * 24, "no-such-release-0000", "", "x" * 500, "a b", "../..", "{}"]
)
def test_an_unknown_deployment_is_an_error(talk: Talk, name: str) -> None:
    """Every method that takes a name raises DeploymentNotFound."""
    talking = talk()
    with pytest.raises(DeploymentNotFound):
        talking.run(talking.platform.survey(name))
    with pytest.raises(DeploymentNotFound):
        talking.run(talking.platform.deployment(name))


@pytest.mark.parametrize("deploy_id", ["c" + "0" * 24, "", "a b", "x" * 500, "ü"])
def test_an_unknown_deploy_is_an_error(talk: Talk, rollback_sandbox: Sandbox, deploy_id: str) -> None:
    """It raises DeployNotFound."""
    talking = talk()
    with pytest.raises(DeployNotFound):
        talking.run(talking.platform.deploy(_id(rollback_sandbox, "image-af3"), deploy_id))


def test_a_deploy_of_another_deployment_is_an_error(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """It is not found in this Deployment, and is refused as a target."""
    talking = talk()
    foreign = talking.run(talking.platform.deploys(_id(rollback_sandbox, "image-af2"))).deploys[2]
    deployment = talking.run(talking.platform.deployment(_id(rollback_sandbox, "image-af3")))
    with pytest.raises(DeployNotFound):
        talking.run(talking.platform.deploy(deployment.id, foreign.id))
    with pytest.raises(BadInput):
        talking.run(talking.platform.roll_back(deployment, foreign, Scope.IMAGE, "a reason"))
    assert _unchanged(rollback_sandbox, "image-af3")


def test_an_expired_deploy_is_refused(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """After the retention the platform refuses it, with its own message, and nothing is changed."""
    rollback_sandbox.settings(nightly_job=False)
    talking = talk()
    deployment = talking.run(talking.platform.deployment(_id(rollback_sandbox, "dormant")))
    oldest = talking.run(talking.platform.deploys(deployment.id)).deploys[-1]
    with pytest.raises(PlanRefused, match="older than 90 days"):
        talking.run(talking.platform.roll_back(deployment, oldest, Scope.IMAGE, "a reason"))
    assert _unchanged(rollback_sandbox, "dormant")


def test_a_rollback_is_a_new_row(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The new deploy has its target and the description, and is in progress."""
    rollback_sandbox.settings(rollback_seconds=60)
    talking, before = talk(), len(rollback_sandbox.deployment("image-af3")["deploys"])
    deployment, target, rollback = start(talking, rollback_sandbox)
    assert rollback.rolled_back_to == target.id
    assert rollback.description == "a reason"
    assert rollback.status is DeployStatus.IN_PROGRESS
    assert rollback.deployment_id == deployment.id
    rows = rollback_sandbox.deployment("image-af3")["deploys"]
    assert rows[0]["id"] == rollback.id
    assert len(rows) == before + 1


@pytest.mark.parametrize("scope", list(Scope))
def test_scopes_are_sent_and_read(talk: Talk, rollback_sandbox: Sandbox, scope: Scope) -> None:
    """The rollback's row has the scope of the request."""
    talking = talk()
    need(capable(talking).scopes, "scopes")
    deployment = talking.run(talking.platform.deployment(_id(rollback_sandbox, "dag-deploy-af3")))
    target = talking.run(talking.platform.deploys(deployment.id)).deploys[2]
    rollback = talking.run(talking.platform.roll_back(deployment, target, scope, "a reason"))
    assert talking.run(talking.platform.deploy(deployment.id, rollback.id)).scope is scope


def test_polls_track_a_rollback_to_its_end(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """A poll takes one request while it is in progress, and two when it is done."""
    rollback_sandbox.settings(rollback_seconds=60)
    talking = talk()
    what = tracking(*start(talking, rollback_sandbox))
    before = len(rollback_sandbox.requests())
    assert talking.run(observe(talking.platform, what)) is None
    assert requests_since(rollback_sandbox, before) == 1
    rollback_sandbox.clock(advance=61)
    outcome = talking.run(observe(talking.platform, what))
    assert outcome is not None
    assert outcome.status is RollbackStatus.DONE
    assert requests_since(rollback_sandbox, before) == 3


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ({"outcome": "FAILED", "seconds": 0, "reason": "no room"}, RollbackStatus.FAILED),
        ({"seconds": 0, "applies": False}, RollbackStatus.MISMATCH),
        ({"seconds": None}, None),
    ],
)
def test_a_poll_returns_each_status(
    talk: Talk, rollback_sandbox: Sandbox, script: dict[str, Any], status: RollbackStatus | None
) -> None:
    """It may have failed, be done without effect, or be in progress."""
    rollback_sandbox.next_rollbacks(script)
    talking = talk()
    deployment = talking.run(talking.platform.deployment(_id(rollback_sandbox, "moved-to-af3")))
    target = talking.run(talking.platform.deploys(deployment.id)).deploys[2]
    rollback = talking.run(talking.platform.roll_back(deployment, target, Scope.IMAGE_AND_DAGS, "a reason"))
    what = Tracking(deployment.id, rollback.id, target, Scope.IMAGE_AND_DAGS, 0.0, 0.0, 1.0, "there", {})
    outcome = talking.run(observe(talking.platform, what))
    assert (outcome and outcome.status) is status
    if status is RollbackStatus.FAILED:
        assert outcome is not None
        assert ("no room" in outcome.message) is capable(talking).reasons


def test_a_poll_finds_another_image_of_the_same_runtime(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """It is a mismatch if the platform returns the Deployment's image."""
    rollback_sandbox.next_rollbacks({"seconds": 0, "applies": False})
    talking = talk()
    outcome = talking.run(observe(talking.platform, tracking(*start(talking, rollback_sandbox))))
    assert outcome is not None
    assert outcome.status is (
        RollbackStatus.MISMATCH if capable(talking).reports_image else RollbackStatus.DONE
    )


def test_a_poll_finds_that_a_rollback_is_superseded(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """A superseded rollback is not a success, even if new deploys moved it off the first page."""
    rollback_sandbox.settings(rollback_seconds=0)
    talking = talk()
    what = tracking(*start(talking, rollback_sandbox))
    for number in range(25):
        rollback_sandbox.land_deploy("image-af3", tag=f"newer-{number}")
        if number in (0, 24):
            outcome = talking.run(observe(talking.platform, what))
            assert outcome is not None
            assert outcome.status is RollbackStatus.SUPERSEDED


def test_a_deleted_rollback_is_an_error(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """If the platform deletes the row during tracking, the poll raises an error."""
    talking = talk()
    what = tracking(*start(talking, rollback_sandbox))
    rollback_sandbox.remove_deploy("image-af3", what.rollback_id)
    with pytest.raises(DeployNotFound):
        talking.run(observe(talking.platform, what))


def test_log_lines_are_oldest_first_and_since_a_time(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The lines are about the rollback, and none is older than the time."""
    rollback_sandbox.settings(rollback_seconds=0)
    talking = talk()
    need(capable(talking).logs, "logs")
    deployment, _, rollback = start(talking, rollback_sandbox)
    lines = talking.run(talking.platform.logs(deployment, rollback.created_at - timedelta(seconds=1)))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert any(rollback.id in line.message for line in lines)
    assert talking.run(talking.platform.logs(deployment, lines[-1].at + timedelta(seconds=1))) == ()


def test_an_unsupported_feature_is_refused_without_a_request(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """A call without a check of the capabilities raises Unsupported, and sends no request."""
    talking = talk()
    offered = capable(talking)
    need(not (offered.logs and offered.scopes), "less than another one does")
    deployment = talking.run(talking.platform.deployment(_id(rollback_sandbox, "dag-deploy-af3")))
    target = talking.run(talking.platform.deploys(deployment.id)).deploys[2]
    before = len(rollback_sandbox.requests())
    if not offered.logs:
        with pytest.raises(Unsupported):
            talking.run(_call(talking, "logs", deployment, target))
    for scope in () if offered.scopes else (Scope.IMAGE, Scope.DAGS):
        with pytest.raises(Unsupported, match="Nothing was sent"):
            talking.run(talking.platform.roll_back(deployment, target, scope, "a reason"))
    assert requests_since(rollback_sandbox, before) == 0


@pytest.mark.parametrize("filler", ["x", "ü", "\N{SNOWMAN}", "\N{ROCKET}"])
def test_the_longest_description_keeps_its_tag(talk: Talk, rollback_sandbox: Sandbox, filler: str) -> None:
    """The platform stores 500 characters of any width, and the rollback is found by the tag at the end."""
    talking = talk()
    limit = capable(talking).description_limit
    deployment, target = _facts(talking, rollback_sandbox)
    text = describe(filler * (limit - TAG_LENGTH), KEY, limit)
    assert len(text) == limit == 500
    talking.run(talking.platform.roll_back(deployment, target, Scope.IMAGE, text))
    found = find_by_key(talking.run(talking.platform.deploys(deployment.id)).deploys, KEY)
    assert found is not None
    assert found.rolled_back_to == target.id
    assert without_tag(found.description) == filler * (limit - TAG_LENGTH)


@pytest.mark.parametrize(
    ("token", "verb", "error"),
    [
        ("viewer", "roll_back", PermissionMissing),
        ("dags-only", "roll_back", PermissionMissing),
        ("no-history", "survey", PermissionMissing),
        ("no-history", "deploys", PermissionMissing),
        ("no-history", "deploy", PermissionMissing),
        ("other-workspace", "survey", PermissionMissing),
        ("expired", "survey", TokenExpired),
        ("expired", "deploys", TokenExpired),
        ("expired", "roll_back", TokenExpired),
        ("expired", "list_deployments", TokenExpired),
        ("expired", "logs", TokenExpired),
    ],
)
def test_each_token_has_its_error(
    talk: Talk, rollback_sandbox: Sandbox, token: str, verb: str, error: type[RollbackError]
) -> None:
    """A token without a permission raises the error for it, and nothing is changed."""
    deployment, target = _facts(talk(), rollback_sandbox)
    talking = talk(token)
    need(verb != "logs" or capable(talking).logs, "logs")
    with pytest.raises(error):
        talking.run(_call(talking, verb, deployment, target))
    assert _unchanged(rollback_sandbox, "image-af3")


@pytest.mark.parametrize(
    "verb", ["survey", "deployment", "deploys", "deploy", "roll_back", "logs", "list_deployments"]
)
def test_an_unknown_token_is_refused(talk: Talk, rollback_sandbox: Sandbox, verb: str) -> None:
    """Every method raises TokenRefused, and the message does not contain the token."""
    deployment, target = _facts(talk(), rollback_sandbox)
    unknown = talk().with_token("no-such-t0ken")
    need(verb != "logs" or capable(unknown).logs, "logs")
    with pytest.raises(TokenRefused) as caught:
        unknown.run(_call(unknown, verb, deployment, target))
    assert "no-such-t0ken" not in str(caught.value)


@pytest.mark.parametrize("token", ["editor", "images-only", "service-account"])
def test_tokens_with_the_permission_may_roll_back(talk: Talk, rollback_sandbox: Sandbox, token: str) -> None:
    """The permission counts, not the role; a system-wide permission is sufficient."""
    talking = talk(token)
    need(token != "images-only" or capable(talking).scopes, "a rollback of the image alone")
    _, target, rollback = start(talking, rollback_sandbox)
    assert rollback.rolled_back_to == target.id


Errors = type[RollbackError] | tuple[type[RollbackError], ...]
FAULTS: list[tuple[str, dict[str, Any], Errors, Errors]] = [
    # kind, arguments, error of a read, error of a rollback
    ("status", {"status": 500}, PlatformFailed, OutcomeUnknown),
    ("status", {"status": 502, "after_commit": True}, PlatformFailed, OutcomeUnknown),
    ("status", {"status": 401}, TokenRefused, TokenRefused),
    ("status", {"status": 403}, PermissionMissing, PermissionMissing),
    ("status", {"status": 404}, PlatformUnreachable, OutcomeUnknown),
    ("status", {"status": 429, "retry_after": "3600"}, RateLimited, RateLimited),
    ("drop_before", {}, PlatformUnreachable, OutcomeUnknown),
    ("drop_after", {}, PlatformUnreachable, OutcomeUnknown),
    ("latency", {"delay": 0.6}, PlatformUnreachable, OutcomeUnknown),
    ("slow_body", {"seconds": 9.0}, PlatformUnreachable, OutcomeUnknown),
    ("body", {"body": "truncated"}, MalformedAnswer, OutcomeUnknown),
    ("body", {"body": "html"}, MalformedAnswer, OutcomeUnknown),
    ("body", {"body": "empty"}, MalformedAnswer, OutcomeUnknown),
    ("body", {"body": "wrong_shape"}, MalformedAnswer, OutcomeUnknown),
    ("status", {"status": 408}, PlatformFailed, OutcomeUnknown),
    ("api_error", {}, PlatformFailed, OutcomeUnknown),
    # Hosted Astro's own 400 is a refusal. Houston's error name is not known to be one.
    (
        "api_error",
        {"name": "ApolloError", "status": 400},
        (PlatformFailed, NotFound),
        (PlanRefused, OutcomeUnknown),
    ),
]
# One transport for each, in turns: each fault and each verb of a platform meets both.
FAULT_CASES = {
    f"{platform}-{driver}-{verb}-{kind}-{'-'.join(str(value) for value in more.values())}": (
        (platform, driver),
        verb,
        *(kind, more, of_read, of_rollback),
    )
    for p, platform in enumerate(PLATFORMS)
    for v, verb in enumerate(VERBS)
    for f, (kind, more, of_read, of_rollback) in enumerate(FAULTS)
    for driver in [DRIVERS[(p + v + f) % 2]]
}


@pytest.mark.parametrize(
    ("talk", "verb", "kind", "more", "of_read", "of_rollback"),
    list(FAULT_CASES.values()),
    ids=list(FAULT_CASES),
    indirect=["talk"],
)
def test_every_fault_of_every_request_has_its_error(
    talk: Talk,
    rollback_sandbox: Sandbox,
    verb: str,
    kind: str,
    more: dict[str, Any],
    of_read: Errors,
    of_rollback: Errors,
) -> None:
    """A lasting fault raises its error, and a rollback request is never sent a second time."""
    deployment, target = _facts(talk(), rollback_sandbox)
    # Short if the answer is late on purpose, long enough for a busy machine otherwise.
    talking = talk().with_faults(tries=2, read_timeout=0.2 if kind in ("latency", "slow_body") else 20)
    need(verb != "logs" or capable(talking).logs, "logs")
    rollback_sandbox.fault(kind, count=None, **more)
    before = len(rollback_sandbox.requests())
    with pytest.raises(RollbackError) as caught:
        talking.run(_call(talking, verb, deployment, target))
    expected = of_rollback if verb == "roll_back" else of_read
    assert type(caught.value) in (expected if isinstance(expected, tuple) else (expected,))
    assert "sandbox-token" not in str(caught.value)
    if verb == "roll_back":
        assert requests_since(rollback_sandbox, before) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
def test_a_read_survives_a_temporary_fault(talk: Talk, rollback_sandbox: Sandbox, kind: str) -> None:
    """One lost or failed request in a survey is retried after a pause."""
    talking = talk().with_faults()
    rollback_sandbox.fault(kind, count=1, skip=1)
    survey = talking.run(talking.platform.survey(_id(rollback_sandbox, "image-af3")))
    assert survey.page.deploys
    assert talking.pauses == [0.5]


def test_the_history_page_is_known_without_a_request(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The link of a task takes no request."""
    before = len(rollback_sandbox.requests())
    known = Deployment("c1", "One", "one-two-3456", workspace_id="w1")
    assert "c1" in (talk().platform.history_url(known) or "")
    assert requests_since(rollback_sandbox, before) == 0


def _id(sandbox: Sandbox, key: str) -> str:
    return str(sandbox.deployment(key)["id"])


def _facts(talking: Talker, sandbox: Sandbox) -> tuple[Deployment, Deploy]:
    deployment = talking.run(talking.platform.deployment(_id(sandbox, "image-af3")))
    return deployment, talking.run(talking.platform.deploys(deployment.id)).deploys[2]


def _unchanged(sandbox: Sandbox, key: str) -> bool:
    return not any(
        row["description"].endswith("reason")
        for row in sandbox.deployment(key)["deploys"]
        if row["description"]
    )


def _call(talking: Talker, verb: str, deployment: Deployment, target: Deploy) -> Any:
    platform = talking.platform
    return {
        "survey": lambda: platform.survey(deployment.id),
        "deployment": lambda: platform.deployment(deployment.id),
        "deploys": lambda: platform.deploys(deployment.id),
        "deploy": lambda: platform.deploy(deployment.id, target.id),
        "roll_back": lambda: platform.roll_back(deployment, target, Scope.IMAGE, "a reason"),
        "logs": lambda: platform.logs(deployment, datetime(2026, 1, 1, tzinfo=timezone.utc)),
        "list_deployments": platform.list_deployments,
    }[verb]()
