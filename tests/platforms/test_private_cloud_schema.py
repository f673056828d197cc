# SPDX-License-Identifier: Apache-2.0
"""Tests of suggested settings: the schema differs, a setting is printed, and with it a plan can be made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Scope
from airflow_rollback_provider.domain.errors import UnknownField
from airflow_rollback_provider.domain.findings import Finding, Report, Status, merge
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.platforms.assumptions import Assumptions, read_assumptions
from airflow_rollback_provider.platforms.private_cloud_schema import compare, problems
from airflow_rollback_provider.platforms.private_cloud_uses import operations_in_use
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.platforms.other_houston import WRAPPED, other_houston
from tests.platforms.schema.telling import schema_of
from tests.platforms.schema.test_comparison import SDL

Sandbox = SandboxProcess
BARE = re.sub(r'(?m)^ *(".*"|#.*)$\n', "", SDL)
ALL = operations_in_use("0.37.0", has_workspace=True)


def hook_for(values: dict[str, Any], extra: dict[str, Any] | None = None) -> DeployHistoryHook:
    """Return a hook for a connection with something added to its extra."""
    fields = {"conn_id": "apc", "schema": None, "port": None, **values}
    fields["extra"] = merge(fields.get("extra") or {}, extra or {})
    return DeployHistoryHook("apc", connection=SimpleNamespace(**fields))


def suggestion(report: Report) -> dict[str, Any]:
    """Return the one setting of all suggestions, as whoever reads the report copies it."""
    printed = json.loads(json.dumps(report.to_dict()))["setting"]
    assert printed is not None
    return dict(printed)


def differences(report: Report) -> list[Finding]:
    """Return what the report says of the schema."""
    return [finding for finding in report.findings if finding.code.startswith("SCHEMA-")]


@pytest.mark.parametrize(
    ("renamed", "hidden"),
    [
        ({"DeployRevision.imageTag": "tag"}, []),
        (
            {"DeployRevision.imageTag": "tag", "DeployRevision.createdAt": "deployedAt"},
            ["DeployRevision.gitCommit"],
        ),
        ({"DeployRevision.status": "state", "Author.username": "name"}, []),
        ({"Query.paginatedDeployRevisions": "deployRevisions"}, []),
        ({"Query.deployRevision": "deploy", "Query.paginatedDeployRevisions": "deployHistory"}, []),
        ({"Query.deployment": "getDeployment"}, []),
        (
            {"Deployment.dagDeployment": "dagDeploy", "Deployment.deployRollbackEnabled": "rollbackEnabled"},
            [],
        ),
        ({"Query.self": "selfInfo", "Self.permissions": "ownPermissions"}, []),
        ({"Query.appConfig": "config", "AppConfig.featureFlags": "flags"}, []),
        ({}, ["Deployment.clusterId", "Deployment.label", "DeployRevision.dagBundleVersion"]),
        ({"Mutation.rollbackDeployment": "undoDeploy"}, []),
    ],
    ids=str,
)
def test_names_that_differ_are_mended_by_what_is_printed(
    rollback_sandbox: Sandbox, renamed: dict[str, str], hidden: list[str]
) -> None:
    """The report's setting goes into the connection; then the report is clean and rollbacks can be made."""
    rollback_sandbox.settings(renamed_fields=renamed, hidden_fields=hidden, rollback_seconds=0)
    deployment = rollback_sandbox.deployment("image-af3")["id"]
    first = hook_for(rollback_sandbox.connection())
    report = first.diagnose(deployment)
    assert differences(report)
    mended = hook_for(rollback_sandbox.connection(), suggestion(report))
    again = mended.diagnose(deployment)
    assert not differences(again)
    assert again.sound, again.of(Status.ERROR)
    plan = mended.plan(deployment)
    assert plan.allowed
    assert plan.target.id == rollback_sandbox.deployment("image-af3")["deploys"][2]["id"]
    assert mended.get_deploy(deployment, plan.target.id).id == plan.target.id
    rollback = mended.submit(plan, "why", "0123456789abcdef0123")
    assert mended.find_intent(deployment, "0123456789abcdef0123") == mended.get_deploy(
        deployment, rollback.id
    )
    for hook in (first, mended):
        hook.close()


def test_nothing_is_applied_by_looking(rollback_sandbox: Sandbox) -> None:
    """The hook that made the suggestion still asks as the connection says."""
    rollback_sandbox.settings(renamed_fields={"DeployRevision.imageTag": "tag"})
    hook = hook_for(rollback_sandbox.connection())
    deployment = rollback_sandbox.deployment("image-af3")["id"]
    assert hook.diagnose(deployment).setting is not None
    with pytest.raises(UnknownField):
        hook.plan(deployment)
    assert hook.diagnose(deployment).setting is not None
    hook.close()


@pytest.fixture
def elsewhere(rollback_sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """A connection to an installation with another schema altogether, before the same world."""
    rollback_sandbox.settings(rollback_seconds=0)
    with other_houston(rollback_sandbox) as url:
        yield {**rollback_sandbox.connection(), "host": url}


@pytest.mark.parametrize("key", ["image-af3", "dag-deploy-af3"])
def test_another_form_altogether_is_mended_too(
    rollback_sandbox: Sandbox, elsewhere: dict[str, Any], key: str
) -> None:
    """Arguments, types, results, the mutation and its words: with the setting a rollback is made."""
    deployment = rollback_sandbox.deployment(key)["id"]
    report = hook_for(elsewhere).diagnose(deployment)
    assert not report.sound
    mended = hook_for(elsewhere, suggestion(report))
    again = mended.diagnose(deployment)
    assert again.worst in (Status.OK, Status.SKIPPED), [
        item for item in again.findings if item.status is not Status.OK
    ]
    plan = mended.plan(deployment, scope=Scope.DAGS if key == "dag-deploy-af3" else None)
    assert plan.allowed
    truth = rollback_sandbox.deployment(key)["deploys"]
    assert plan.target.id == truth[2]["id"]
    assert plan.target.image_tag == truth[2]["imageTag"]
    assert plan.target.created_by == truth[2]["createdBy"]["username"]
    rollback = mended.submit(plan, "why", "0123456789abcdef0123")
    newest = rollback_sandbox.deployment(key)["deploys"][0]
    assert (newest["id"], newest["rollbackFromId"]) == (rollback.id, plan.target.id)
    assert newest["description"].startswith("why")
    assert newest["scope"] == ("DAGS" if key == "dag-deploy-af3" else "IMAGE")


def test_what_the_connection_has_already_is_kept(elsewhere: dict[str, Any]) -> None:
    """The printed setting is the whole field, with what was there."""
    given = {"assumptions": {"statuses": {"LIVE": "succeeded"}, "deploy_fields": {"git_commit": None}}}
    report = hook_for(elsewhere, given).diagnose()
    setting = suggestion(report)["assumptions"]
    assert setting["statuses"] == {"LIVE": "succeeded"}
    assert setting["deploy_fields"]["git_commit"] is None
    assert setting["deploy_fields"]["image_tag"] == "image.tag"
    for finding in differences(report):
        if finding.setting:
            assert (
                merge(finding.setting["assumptions"], given["assumptions"]) == finding.setting["assumptions"]
            )
            read_assumptions(finding.setting["assumptions"], "a finding")


def test_each_finding_prints_its_own_setting(elsewhere: dict[str, Any]) -> None:
    """As JSON in its words, a part of the whole; with a caution, and saying what it asks for instead."""
    report = hook_for(elsewhere).diagnose()
    found = [finding for finding in differences(report) if finding.setting]
    assert len(found) > 5
    for finding in found:
        text = finding.remedy.partition("connection's extra: ")[2]
        printed, _ = json.JSONDecoder().raw_decode(text)
        assert merge(finding.setting or {}, printed) == finding.setting
        assert "Nothing was tried" in finding.remedy
    mutation = next(finding for finding in found if finding.what.startswith("roll_back"))
    assert "Mutation.rollbackDeploy instead of rollbackDeployment" in mutation.remedy


def without(sdl: str, *lines: str) -> str:
    """Return a schema without some of its lines, named by how they begin."""
    kept = [line for line in sdl.splitlines() if not line.strip().startswith(lines)]
    return "\n".join(kept)


def found_in(sdl: str, assumptions: Assumptions | None = None) -> list[Finding]:
    """Compare every operation with a schema."""
    return list(compare(schema_of(sdl), assumptions or Assumptions(), ALL))


def test_a_schema_that_fits_has_one_finding() -> None:
    """All operations are counted."""
    (found,) = found_in(SDL)
    assert (found.code, found.status, found.setting) == ("SCHEMA", Status.OK, None)
    assert f"Of {len(ALL)} operations in use all fit it" in found.what


def test_a_mutation_that_is_not_there_is_told_with_what_is() -> None:
    """Nothing resembles it enough: a person has to write it; what comes near is shown with its arguments."""
    sdl = SDL.replace("  rollbackDeployment(", "  deployRollbackBegin(\n    cluster: Uuid!")
    (_, found) = found_in(sdl)
    assert (found.status, found.setting) == (Status.ERROR, None)
    assert "Nothing can be rolled back" in found.remedy
    assert '"roll_back": {"document": "<GraphQL>"' in found.remedy
    assert "Alike are: deployRollbackBegin(cluster: Uuid!, deploymentUuid: Uuid!" in found.remedy


def test_a_field_that_cannot_be_done_without_is_not_left_out() -> None:
    """Without a description a rollback whose answer was lost could not be found again: a person chooses."""
    sdl = without(BARE, "description: String")
    found = [item for item in found_in(sdl) if item.code == "SCHEMA-DEPLOY-FIELDS"]
    assert [item.setting for item in found] == [None]
    assert '"description": "<its name there>"' in found[0].remedy
    assert "gitBranch" in found[0].remedy
    others = [item for item in found_in(sdl) if item.code == "SCHEMA-OPERATION"]
    assert not others or all("DeployRevision has no field" not in item.what for item in others)


def test_a_row_without_any_field_that_is_known_is_told_once() -> None:
    """All have to be found by a person; the requests themselves are not blamed for it."""
    before, _, rest = BARE.partition("type DeployRevision {")
    sdl = f"{before}type DeployRevision {{ zzz: String, yyy: Int }}{rest.partition('}')[2]}"
    found = found_in(sdl)
    assert [item.code for item in found] == ["SCHEMA", "SCHEMA-DEPLOY-FIELDS"]
    assert '"id": "<its name there>"' in found[1].remedy
    assert "To choose from: zzz, yyy" in found[1].remedy


def test_words_that_resemble_nothing_have_to_be_chosen() -> None:
    """What a rollback brings back is not guessed at."""
    sdl = SDL.replace(
        "enum RollbackScope {\n  IMAGE\n  DAGS\n  IMAGE_AND_DAGS", "enum RollbackScope {\n  A\n  B\n  C"
    )
    (_, found) = found_in(sdl)
    assert (found.code, found.setting) == ("SCHEMA-SCOPES", None)
    assert "It has: A, B, C" in found.what
    assert '"scopes": {"image": "<the word there>"' in found.remedy
    some = SDL.replace("  IMAGE\n  DAGS\n  IMAGE_AND_DAGS", "  IMAGE\n  DAG\n  ZZZ")
    (_, found) = found_in(some)
    assert found.setting == {"assumptions": {"scopes": {"dags": "DAG"}}}
    assert "Nothing resembles image_and_dags" in found.remedy


def test_a_document_that_is_no_graphql_is_told() -> None:
    """The connection took it, since a brace was where it belongs."""
    broken = read_assumptions({"deploys": {"document": "query Deploys($a: ) { x }", "path": "x"}}, "a")
    found = [item for item in found_in(SDL, broken) if item.code == "SCHEMA-OPERATION"]
    assert [item.status for item in found] == [Status.ERROR, Status.WARNING]
    assert all("cannot be read" in item.what for item in found)


def test_gravity_is_by_what_does_not_work_then() -> None:
    """Logs and release names are a comfort, a history is not."""
    sdl = without(BARE, "logs(", "workspaceDeployments(", "deployRevision(")
    told = {item.what.partition(",")[0]: item.status for item in found_in(sdl)[1:]}
    assert told["logs"] is Status.WARNING
    assert told["workspace_deployments"] is Status.WARNING
    assert told["deploy"] is Status.ERROR


LINES = [line for line in BARE.splitlines() if line.startswith("  ") and ":" in line]


@settings(max_examples=60)
@given(st.sets(st.sampled_from(LINES), min_size=1, max_size=4), st.booleans())
def test_whatever_is_missing_each_suggestion_holds(gone: set[str], renamed: bool) -> None:
    """Lines of the schema vanish or get another name: what is suggested can be read, and fits in all."""
    sdl = BARE
    for line in gone:
        sdl = sdl.replace(line, _other(line) if renamed else "", 1)
    try:
        schema = schema_of(sdl)
    except (GraphQLError, TypeError):  # a type without fields, half of an argument list
        assume(False)
        return
    found = list(compare(schema, Assumptions(), ALL))
    suggested = [item.setting for item in found if item.setting]
    after = read_assumptions(merge(*suggested)["assumptions"], "all") if suggested else Assumptions()
    unmended = {_operation(item) for item in found if item.code == "SCHEMA-OPERATION" and not item.setting}
    lost_fields = any(item.code == "SCHEMA-DEPLOY-FIELDS" and not item.setting for item in found)
    for name in ALL:
        left = problems(schema, after, name)
        assert not left or name in unmended or lost_fields, (name, left)


def _operation(finding: Finding) -> str:
    return finding.what.partition(",")[0]


def _other(line: str) -> str:
    """Return a line of a schema with another name of what it describes."""
    return re.sub(r"^( +)(\w+)", r"\1\2Of", line)


def test_the_operations_in_use_follow_the_connection() -> None:
    """Old fields only before 1.0.0, release names only with a workspace."""
    assert set(ALL) - set(operations_in_use("2.0.0", has_workspace=False)) == {
        "deployment_before_1_0",
        "workspace_deployments",
    }
    assert operations_in_use(None, has_workspace=True) == tuple(
        name for name in ALL if name != "deployment_before_1_0"
    )


def test_the_double_is_another_schema() -> None:
    """Hardly anything of what is asked fits it: the round trip above proves something."""
    schema = schema_of(WRAPPED)
    assert sum(bool(problems(schema, Assumptions(), name)) for name in ALL) >= 8
