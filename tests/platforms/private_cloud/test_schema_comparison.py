# SPDX-License-Identifier: Apache-2.0
"""Tests of the schema comparison: a finding for each difference, with the probable name and setting."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSchema, build_schema, get_introspection_query, graphql_sync
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import airflow_rollback_provider
from airflow_rollback_provider.domain.findings import Finding, Report, Status, merge
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.platforms.private_cloud.assumptions import (
    NEEDED_FIELDS,
    Assumptions,
    read_assumptions,
)
from airflow_rollback_provider.platforms.private_cloud.schema_comparison import (
    NoSchema,
    compare,
    differences,
    operations_in_use,
    read_schema,
)
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.other_houston import WRAPPED, other_houston
from tests.support.talking import connection

Sandbox = SandboxProcess
PACKAGE = Path(airflow_rollback_provider.__file__).parent
SDL = (PACKAGE / "sandbox" / "schema.graphql").read_text("utf-8")
BARE = re.sub(r'(?m)^ *(".*"|#.*)$\n', "", SDL)
ALL = operations_in_use("0.37.0", has_workspace=True, by_release_name=False)


@cache
def introspection(sdl: str) -> str:
    """Return the answer of a server with a schema to the introspection query, as JSON."""
    result = graphql_sync(build_schema(sdl), get_introspection_query(descriptions=False))
    assert result.errors is None
    return json.dumps(result.data)


@cache
def schema_of(sdl: str) -> GraphQLSchema:
    """Return the schema of a text, as it is read from an answer."""
    return read_schema(json.loads(introspection(sdl)))


def found_in(sdl: str, assumptions: Assumptions | None = None) -> list[Finding]:
    """Compare every operation with a schema; return the findings without the summary."""
    summary, *found = compare(schema_of(sdl), assumptions or Assumptions(), ALL)
    assert (summary.code, summary.status) == ("SCHEMA", Status.OK)
    return found


def printed_in(finding: Finding) -> dict[str, Any]:
    """Return the setting in a finding's remedy."""
    text = finding.remedy.partition("connection's extra: ")[2]
    setting, _ = json.JSONDecoder().raw_decode(text)
    return dict(setting["assumptions"])


def hook_for(values: dict[str, Any], extra: dict[str, Any] | None = None) -> DeployHistoryHook:
    """Return a hook for a connection with additions to its extra."""
    fields = {**values, "extra": merge(values.get("extra") or {}, extra or {})}
    return DeployHistoryHook("apc", connection=connection(**fields))


def schema_findings(report: Report) -> list[Finding]:
    """Return the findings of a report on schema differences."""
    return [finding for finding in report.findings if finding.code.startswith("SCHEMA-")]


def test_a_schema_that_fits_has_no_difference() -> None:
    """All operations are counted."""
    (found,) = compare(schema_of(SDL), Assumptions(), ALL)
    assert f"Of {len(ALL)} operations in use all fit it" in found.what
    assert found.setting is None


# The fields of a deploy


@pytest.mark.parametrize(
    ("ours", "line", "renamed", "meant"),
    [
        ("image_tag", "imageTag: String", "tag: String", "tag"),
        ("image_tag", "imageTag: String", "image: Image", "image.tag"),
        ("status", "status: String\n  imageTag", "state: String\n  imageTag", "state"),
        ("created_at", "createdAt: DateTime!\n  updatedAt", "created: DateTime!\n  updatedAt", "created"),
        ("created_by", "username: String\n  fullName", "userName: String\n  fullName", "createdBy.userName"),
        ("deployment_id", "deploymentUuid: Uuid!\n  type", "deploymentId: Uuid!\n  type", "deploymentId"),
    ],
)
def test_a_renamed_field_of_a_deploy_is_one_finding_with_the_setting(
    ours: str, line: str, renamed: str, meant: str
) -> None:
    """There is not one for each operation that requests it. With the setting every operation fits."""
    sdl = BARE.replace(line, renamed) + "\ntype Image { tag: String }"
    (found,) = found_in(sdl)
    status = Status.ERROR if ours in NEEDED_FIELDS else Status.WARNING
    assert (found.code, found.status) == ("SCHEMA-DEPLOY-FIELDS", status)
    assert f"({ours})" in found.what
    assert f"Probable name: {meant}." in found.remedy
    assert printed_in(found) == {"deploy_fields": {ours: meant}}
    assert found.setting == {"assumptions": printed_in(found)}
    assert found_in(sdl, read_assumptions(printed_in(found), "a finding")) == []


def test_a_field_without_a_similar_one_is_omitted() -> None:
    """Null omits it from plans; the possible names are listed."""
    (found,) = found_in(BARE.replace("gitCommit: String", "zzz: String"))
    assert found.setting == {"assumptions": {"deploy_fields": {"git_commit": None}}}
    assert "Possible names: zzz, " in found.remedy


def test_a_required_field_is_not_omitted() -> None:
    """Without a description a rollback cannot be found again after a lost answer, so a user has to choose."""
    (found,) = [item for item in found_in(without(BARE, "description: String")) if "FIELDS" in item.code]
    assert (found.status, found.setting) == (Status.ERROR, None)
    assert printed_in(found) == {"deploy_fields": {"description": "<its name there>"}}
    assert "gitBranch" in found.remedy


def test_a_row_without_any_known_field_is_one_finding() -> None:
    """The operations have no findings of their own."""
    before, _, rest = BARE.partition("type DeployRevision {")
    sdl = f"{before}type DeployRevision {{ zzz: String, yyy: Int }}{rest.partition('}')[2]}"
    (found,) = found_in(sdl)
    assert "DeployRevision has none of the fields of a deploy" in found.what
    assert "Possible names: zzz, yyy" in found.remedy


@pytest.mark.parametrize("kind", ["[String!]", "Author", "[Author!]!"])
def test_a_field_of_another_type_is_missing(kind: str) -> None:
    """A list or an object with the right name cannot be read as a text."""
    (found,) = found_in(BARE.replace("gitCommit: String", f"gitCommit: {kind}"))
    assert "(git_commit)" in found.what


def test_the_connections_own_assumptions_are_kept() -> None:
    """The setting is the whole field, with the connection's own values."""
    given = {"statuses": {"LIVE": "succeeded"}, "deploy_fields": {"git_commit": None}}
    (found,) = found_in(BARE.replace("imageTag:", "tag:"), read_assumptions(given, "a connection"))
    assert found.setting == {"assumptions": merge(given, {"deploy_fields": {"image_tag": "tag"}})}


# Operations


@pytest.mark.parametrize(
    ("operation", "old", "new", "status", "what", "remedy"),
    [
        (
            "roll_back",
            "rollbackDeployment",
            "rollbackDeploy",
            Status.ERROR,
            "Cannot query field 'rollbackDeployment' on type 'Mutation'. Did you mean 'rollbackDeploy'?",
            "Mutation has: rollbackDeploy(deploymentUuid: Uuid!, deployRevisionUuid: Uuid!, ",
        ),
        (
            "roll_back",
            "deployRevisionUuid",
            "deployRevisionId",
            Status.ERROR,
            "Unknown argument 'deployRevisionUuid' on field 'Mutation.rollbackDeployment'. "
            "Did you mean 'deployRevisionId'",
            "Without it no Deployment can be rolled back",
        ),
        (
            "roll_back",
            "RollbackScope",
            "RollbackScopes",
            Status.ERROR,
            "Unknown type 'RollbackScope'. Did you mean 'RollbackScopes'?",
            "Without it no Deployment can be rolled back",
        ),
        (
            "deploys",
            "paginatedDeployRevisions",
            "deployRevisions",
            Status.ERROR,
            "Cannot query field 'paginatedDeployRevisions' on type 'Query'. Did you mean ",
            "; deployRevisions(deploymentUuid: Uuid!, ",
        ),
        (
            "logs",
            "message",
            "messages",
            Status.WARNING,
            "Cannot query field 'message' on type 'LogLine'. Did you mean 'messages'?",
            "LogLine has: messages: String",
        ),
    ],
)
def test_a_renamed_part_of_an_operation_has_its_probable_name(
    operation: str, old: str, new: str, status: Status, what: str, remedy: str
) -> None:
    """It may be a field, argument or type. With this name in a copy of the document, the operation fits."""
    sdl = re.sub(rf"\b{old}\b", new, BARE)
    found = [item for item in found_in(sdl) if item.what.startswith(f"{operation}, to ")]
    assert what in found[0].what
    assert re.search(
        rf"\(platforms/private_cloud/documents/\w+/{operation}.graphql, line \d+\)", found[0].what
    )
    assert remedy in found[0].remedy
    assert {(item.code, item.status, item.setting) for item in found} == {("SCHEMA-OPERATION", status, None)}
    (setting,) = printed_in(found[0]).values()
    (document,) = Assumptions().template(operation).documents
    # An argument has the name of its variable, and that name stays.
    corrected = re.sub(rf"(?<!\$)\b{old}\b", new, document)
    written = read_assumptions({operation: {**setting, "document": corrected}}, "a user")
    assert differences(schema_of(sdl), written, operation) == []
    if old == "rollbackDeployment":
        assert setting["path"] == new
    elif old == "paginatedDeployRevisions":
        assert setting["path"] == "<path of its result>", "paginatedDeployments is as similar"
    else:
        assert "path" not in setting


def test_an_argument_of_another_type_is_named() -> None:
    """The finding has its type."""
    (found,) = found_in(BARE.replace("take: Int, cursor: Uuid, pageNumber", "take: String, cursor: Uuid, p"))[
        :1
    ]
    assert "Variable '$take' of type 'Int' used in position expecting type 'String'" in found.what


def test_a_result_that_wraps_the_deploy_is_named_with_its_path() -> None:
    """The finding has the path to set, and the place of the placeholder."""
    sdl = BARE.replace("): DeployRevision!\n}", "): Payload!\n}")
    sdl += "\ntype Payload { warnings: [String], revision: DeployRevision }"
    (found,) = found_in(sdl)
    assert "its result is Payload, which is not a deploy" in found.what
    assert "revision { ...DeployFields }" in found.remedy
    setting = printed_in(found)["roll_back"]
    assert setting["path"] == "rollbackDeployment.revision"
    document = Assumptions().template("roll_back").documents[0]
    before, _, after = document.rpartition("...DeployFields")
    written = {**setting, "document": f"{before}revision {{ ...DeployFields }}{after}"}
    assert found_in(sdl, read_assumptions({"roll_back": written}, "a user")) == []
    (bare,) = found_in(sdl.replace("revision: DeployRevision", "done: Boolean"))
    assert "its result is Payload, which is not a deploy" in bare.what


def test_a_mutation_that_deletes_is_never_suggested() -> None:
    """Its name may be similar."""
    sdl = BARE.replace(
        "  rollbackDeployment(", "  deleteDeployment(deploymentUuid: Uuid!): Deployment\n  undo("
    )
    (found,) = found_in(sdl)
    assert "Cannot query field 'rollbackDeployment' on type 'Mutation'. (" in found.what
    assert "delete" not in str(found)


def test_a_schema_without_mutations_is_a_finding() -> None:
    """An installation without mutations cannot roll back."""
    sdl = re.sub(r"(?s)type Mutation \{.*?\n\}", "", BARE)
    (found,) = found_in(sdl)
    assert "roll_back, to roll the Deployment back: The schema has no mutation." in found.what


def test_an_invalid_document_is_a_finding() -> None:
    """The connection accepts it, because it has a brace in the right place."""
    text = "query Deploys($a: ) { x }"
    found = found_in(SDL, read_assumptions({"deploys": {"document": text, "path": "x"}}, "a"))
    assert [item.status for item in found] == [Status.ERROR, Status.WARNING]
    for item in found:
        assert "cannot be parsed. Syntax Error: Expected Name, found ')'." in item.what
        assert "(the document of the connection, line 1)" in item.what
    deep = f"query Deploys {'{ a ' * 3000}{'}' * 3000}"
    found = found_in(SDL, read_assumptions({"deploys": {"document": deep, "path": "a"}}, "a"))
    assert "nested too deeply" in found[0].what


def without(sdl: str, *lines: str) -> str:
    """Return a schema without the lines that begin with some texts."""
    kept = [line for line in sdl.splitlines() if not line.strip().startswith(lines)]
    return "\n".join(kept)


def test_the_status_depends_on_the_use_of_the_operation() -> None:
    """Logs and release names are optional, a history is not; permissions and toggle may be unknown."""
    sdl = without(BARE.replace("  logs(", "  lines("), "workspaceDeployments(", "deployRevision(", "self:")
    status = {item.what.partition(",")[0]: item.status for item in found_in(sdl)}
    assert status == {
        "survey_history": Status.UNKNOWN,
        "deploy": Status.ERROR,
        "logs": Status.WARNING,
        "workspace_deployments": Status.WARNING,
    }


def test_the_scopes_of_an_enum_are_compared() -> None:
    """Each missing word is a finding; without a similar word, a user has to choose one."""
    words = "  IMAGE\n  DAGS\n  IMAGE_AND_DAGS"
    dags, both = found_in(SDL.replace(words, "  IMAGE\n  DAG\n  ZZZ"))
    assert (dags.code, both.code) == ("SCHEMA-SCOPES", "SCHEMA-SCOPES")
    assert dags.what == "RollbackScope has no DAGS (dags). It has: IMAGE, DAG, ZZZ."
    assert dags.setting == {"assumptions": {"scopes": {"dags": "DAG"}}}
    assert both.setting is None
    assert printed_in(both) == {"scopes": {"image_and_dags": "<the word there>"}}


def test_the_operations_in_use_depend_on_the_connection() -> None:
    """Old fields are used only before 1.0.0, and release names only with a workspace."""
    assert set(ALL) - set(operations_in_use("2.0.0", has_workspace=False, by_release_name=False)) == {
        "deployment_before_1_0",
        "workspace_deployments",
    }
    assert set(ALL) - set(operations_in_use(None, has_workspace=True, by_release_name=False)) == {
        "deployment_before_1_0"
    }


# Whole installations


@pytest.mark.parametrize(
    ("renamed", "hidden"),
    [
        ({"DeployRevision.imageTag": "tag"}, []),
        ({"DeployRevision.imageTag": "tag", "DeployRevision.createdAt": "created"}, ["DeployRevision.scope"]),
        ({"DeployRevision.status": "state", "Author.username": "name"}, []),
        ({}, ["DeployRevision.dagBundleVersion", "DeployRevision.gitCommit"]),
    ],
    ids=str,
)
def test_with_the_suggested_setting_rollbacks_work(
    rollback_sandbox: Sandbox, renamed: dict[str, str], hidden: list[str]
) -> None:
    """Reads adapt before that; with the setting in the connection, the report has no differences."""
    rollback_sandbox.settings(renamed_fields=renamed, hidden_fields=hidden, rollback_seconds=0)
    deployment = rollback_sandbox.deployment("image-af3")["id"]
    first = hook_for(rollback_sandbox.connection())
    setting = json.loads(json.dumps(first.diagnose(deployment).to_dict()))["setting"]
    assert first.plan(deployment).target.id == rollback_sandbox.deployment("image-af3")["deploys"][2]["id"]
    corrected = hook_for(rollback_sandbox.connection(), setting)
    again = corrected.diagnose(deployment)
    assert again.sound, again.of(Status.ERROR)
    assert {finding.status for finding in schema_findings(again)} == {Status.OK}
    plan = corrected.plan(deployment)
    assert plan.target.id == rollback_sandbox.deployment("image-af3")["deploys"][2]["id"]
    assert corrected.submit(plan, "why", "0123456789abcdef0123").id
    for hook in (first, corrected):
        hook.close()


def test_a_completely_different_schema_has_all_findings() -> None:
    """Every operation that differs has its findings; each has a remedy, and its setting can be read."""
    with other_houston() as url:
        hook = hook_for(vars(connection(host=url)))
        report = hook.diagnose()
        hook.close()
    found = schema_findings(report)
    differ = [name for name in ALL if differences(schema_of(WRAPPED), Assumptions(), name)]
    assert len(differ) >= 8
    named = {item.what.partition(",")[0] for item in found if item.code == "SCHEMA-OPERATION"}
    assert named == set(differ) & set(operations_in_use("2.0.0", has_workspace=False, by_release_name=False))
    assert all(item.remedy for item in found)
    assert report.setting is not None
    fields = read_assumptions(report.setting["assumptions"], "all findings").deploy_fields
    assert (fields["image_tag"], fields["status"], fields["git_commit"]) == (
        "image.tag",
        "state",
        "git.commit",
    )
    text = " ".join(map(str, found))
    for meant in (
        "Mutation has: rollbackDeploy(input: RollbackInput!): RollbackPayload!",
        "Query has: deployRevisions(deploymentId: ID!, first: Int!, after: ID, newestFirst: Boolean): ",
        "Probable result: its field revision, a Revision",
        "Did you mean 'deploymentId'?",
    ):
        assert meant in text


# Generated schemas


LINES = [line for line in BARE.splitlines() if line.startswith("  ") and ":" in line]


@settings(max_examples=20, deadline=None)
@given(st.sets(st.sampled_from(LINES), min_size=1, max_size=4), st.booleans())
def test_every_difference_is_found_and_every_setting_can_be_read(gone: set[str], renamed: bool) -> None:
    """Lines of the schema are deleted or renamed. A finding names every difference without a setting."""
    sdl = BARE
    for line in gone:
        sdl = sdl.replace(line, re.sub(r"^( +)(\w+)", r"\1\2Of", line) if renamed else "", 1)
    try:
        schema = schema_of(sdl)
    except (GraphQLError, TypeError):  # a type without fields, half of an argument list
        assume(False)
        return
    _, *found = compare(schema, Assumptions(), ALL)
    suggested = [item.setting for item in found if item.setting]
    after = read_assumptions(merge(*suggested)["assumptions"], "all") if suggested else Assumptions()
    named = {item.what.partition(",")[0] for item in found if item.code == "SCHEMA-OPERATION"}
    chosen_by_hand = any(item.code == "SCHEMA-DEPLOY-FIELDS" and not item.setting for item in found)
    for name in ALL:
        left = differences(schema, after, name)
        assert not left or name in named or chosen_by_hand, (name, left)


NAMES = sorted(set(re.findall(r"(?m)^  (\w+)[:(]", BARE)))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(NAMES))
def test_a_name_with_one_more_letter_is_always_found(name: str) -> None:
    """The finding has the new name, wherever it is used."""
    sdl = re.sub(rf"\b{name}\b(?=[:(])", f"{name}s", BARE)
    for item in found_in(sdl):
        assert f"{name}s" in str(item), item


# Answers without a schema


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"__schema": None},
        {"__schema": 3},
        {"__schema": {"types": None}},
        {"__schema": {"types": [{}], "queryType": None, "mutationType": None}},
        {"__schema": {"types": [3]}},
        {"__schema": {"types": [], "queryType": 3, "mutationType": None}},
        {"__schema": {"types": [], "queryType": {"name": 3}, "mutationType": None}},
        {"__schema": {"types": [], "queryType": {"name": "Query"}}},
    ],
    ids=str,
)
def test_another_answer_is_not_a_schema(data: dict[str, Any]) -> None:
    """An answer with other or incomplete values raises NoSchema."""
    with pytest.raises(NoSchema):
        read_schema(data)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from _paths(below, (*path, key))


PATHS = list(_paths(json.loads(introspection(BARE))))[1:]
HOSTILE = st.one_of(
    st.none(), st.integers(), st.text(max_size=8), st.just([]), st.just({}), st.just("DeployRevision")
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PATHS), HOSTILE), min_size=1, max_size=3))
def test_a_damaged_answer_is_a_schema_or_an_error(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """With any value at any path, either reading raises NoSchema or the comparison succeeds."""
    data = json.loads(introspection(BARE))
    for path, value in changes:
        target = data
        try:
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = value
        except (KeyError, IndexError, TypeError):  # an earlier change removed it
            continue
    try:
        schema = read_schema(data)
    except NoSchema:
        return
    assert compare(schema, Assumptions(), ALL)


def test_an_enum_whose_word_has_no_name_is_not_a_schema() -> None:
    """An enum is built when its words are read, not with the schema."""
    data = json.loads(introspection(BARE))
    (scope,) = [item for item in data["__schema"]["types"] if item["name"] == "RollbackScope"]
    scope["enumValues"][1]["name"] = None
    with pytest.raises(NoSchema):
        read_schema(data)


def test_a_deeply_nested_type_is_not_a_schema() -> None:
    """A list of a list of a list … is deeper than Python's stack."""
    data = json.loads(introspection(BARE))
    kind: dict[str, Any] = {"kind": "SCALAR", "name": "Int"}
    for _ in range(5000):
        kind = {"kind": "LIST", "name": None, "ofType": kind}
    query = next(item for item in data["__schema"]["types"] if item["name"] == "Query")
    query["fields"][0]["type"] = kind
    with pytest.raises(NoSchema):
        read_schema(data)


def test_parsing_a_dag_does_not_import_the_library() -> None:
    """The operator and the hook import it when a plan needs it."""
    code = (
        "import sys\n"
        "import airflow_rollback_provider.operators.rollback\n"
        "import airflow_rollback_provider.hooks.deploy_history\n"
        "print('graphql' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.split()[-1] == "False"
