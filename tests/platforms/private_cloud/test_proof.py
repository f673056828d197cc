# SPDX-License-Identifier: Apache-2.0
"""Tests of the proof that the platform knows the rollback request, which is not run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from graphql import build_schema, parse, validate

from airflow_rollback_provider.domain.deploys import Access, Scope
from airflow_rollback_provider.domain.findings import Status
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions, read_assumptions
from airflow_rollback_provider.platforms.private_cloud.proof import OPERATION, document_of
from airflow_rollback_provider.sandbox.graphql_schema import SCHEMA_FILE
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.talking import connection, talker

SCHEMA = build_schema(SCHEMA_FILE.read_text("utf-8"))


@pytest.fixture
def sandbox(rollback_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The embedded platform, which must not have run a mutation at the end."""
    yield rollback_sandbox
    assert rollback_sandbox.state()["mutations"] == 0


def hook_for(sandbox: SandboxProcess, **extra: Any) -> DeployHistoryHook:
    """Return a hook for the sandbox."""
    return DeployHistoryHook("apc", connection=connection(**sandbox.connection(**extra)))


def plan(sandbox: SandboxProcess, scope: str | None = None, **extra: Any) -> RollbackPlan:
    """Return a plan for a Deployment whose Dags are deployed apart."""
    return hook_for(sandbox, **extra).plan(sandbox.deployment("dag-deploy-af3")["id"], scope=scope)


def proofs(sandbox: SandboxProcess) -> int:
    """Return how often the request was proven."""
    return [request["operation"] for request in sandbox.requests()].count(OPERATION)


def printed_in(text: str) -> dict[str, Any]:
    """Return the setting in a remedy, as the connection's extra takes it."""
    setting, _ = json.JSONDecoder().raw_decode(text.partition("extra: ")[2])
    return dict(setting)


def test_a_request_that_is_known_is_proven_once(sandbox: SandboxProcess) -> None:
    """Later plans of the same connection in the process send no further request."""
    assert plan(sandbox).allowed
    found = plan(sandbox)
    assert found.allowed
    assert "REQUEST-NOT-PROVEN" not in {warning.code for warning in found.warnings}
    assert proofs(sandbox) == 1


def test_a_renamed_mutation_is_refused_with_the_servers_words(sandbox: SandboxProcess) -> None:
    """The setting has the name that the server suggests. With it the plan is allowed."""
    sandbox.settings(renamed_fields={"Mutation.rollbackDeployment": "rollBackDeployment"})
    (check,) = plan(sandbox).failed_checks
    assert check.code == "REQUEST-NOT-KNOWN"
    assert "Cannot query field 'rollbackDeployment' on type 'Mutation'" in check.reason
    assert plan(sandbox, **printed_in(check.remedy)).allowed
    assert proofs(sandbox) == 2


def test_a_word_is_refused_only_for_its_scope(sandbox: SandboxProcess) -> None:
    """The value of a variable is validated too; the other scopes can be planned."""
    extra = {"assumptions": {"scopes": {"dags": "DAG"}}}
    (check,) = plan(sandbox, "dags", **extra).failed_checks
    assert "'DAG' does not exist in 'RollbackScope' enum" in check.reason
    assert plan(sandbox, "image", **extra).allowed
    assert plan(sandbox, "dags", **printed_in(check.remedy)).allowed
    assert proofs(sandbox) == 2


@pytest.mark.parametrize("extensions", [True, False])
def test_a_field_of_the_answer_is_part_of_the_request(sandbox: SandboxProcess, extensions: bool) -> None:
    """The code of the error or its text shows that the request was validated."""
    sandbox.settings(error_extensions=extensions)
    document = (
        "mutation M($deploymentUuid: Uuid!, $deployRevisionUuid: Uuid!, $scope: RollbackScope!, "
        "$description: String!) { rollbackDeployment(deploymentUuid: $deploymentUuid, deployRevisionUuid: "
        "$deployRevisionUuid, scope: $scope, description: $description) { id stattus } }"
    )
    (check,) = plan(sandbox, assumptions={"roll_back": {"document": document}}).failed_checks
    assert "Cannot query field 'stattus'" in check.reason
    setting = printed_in(check.remedy)["assumptions"]["roll_back"]["document"]
    assert "stattus" in setting or " status " in setting


def test_a_gateway_of_one_operation_leaves_it_unknown(sandbox: SandboxProcess) -> None:
    """The plan says so and is allowed; the doctor says the same."""
    sandbox.settings(one_operation=True)
    found = plan(sandbox)
    assert found.allowed
    assert "REQUEST-NOT-PROVEN" in {warning.code for warning in found.warnings}
    report = {finding.code: finding for finding in hook_for(sandbox).diagnose().findings}
    assert report["SCHEMA-ROLLBACK"].status is Status.UNKNOWN
    assert proofs(sandbox) <= 1


def test_the_doctor_shows_the_same(sandbox: SandboxProcess) -> None:
    """It goes by the server's words where introspection is off, and sends nothing again after a plan."""
    sandbox.settings(introspection=False, renamed_fields={"Mutation.rollbackDeployment": "rollbackDeploy"})
    (check,) = plan(sandbox).failed_checks
    report = {finding.code: finding for finding in hook_for(sandbox).diagnose().findings}
    finding = report["SCHEMA-ROLLBACK"]
    assert (finding.status, finding.what, finding.remedy) == (Status.ERROR, check.reason, check.remedy)
    assert proofs(sandbox) == 1


def test_a_failure_is_unknown_and_tried_again(sandbox: SandboxProcess) -> None:
    """An outage does not refuse a plan, and is no proof."""
    sandbox.fault("status", OPERATION, count=None, status=500)
    talking = talker("requests", sandbox.connection()).with_faults(tries=1)
    assert "HTTP 500" in talking.run(cast("Any", talking.platform).prove(Access())).request_unknown
    sandbox.clear_faults()
    assert talking.run(cast("Any", talking.platform).prove(Access())) == Access()


def test_the_document_is_valid_and_has_each_word() -> None:
    """One harmless query, and the mutation once for each scope."""
    document = document_of(Assumptions())
    assert validate(SCHEMA, parse(document)) == []
    assert document.startswith(f"query {OPERATION} {{ __typename }}")
    assert document.count("mutation ") == len(Scope)


def test_a_document_with_fragments_and_texts_is_copied() -> None:
    """Fragments are there once, and a scope that is a text has a text as default."""
    text = "mutation ($scope: String!) { undo(scope: $scope) { ...F } } fragment F on DeployRevision { id }"
    schema = build_schema(
        "type Query { a: Int } type DeployRevision { id: ID status: ID } "
        "type Mutation { undo(scope: String!): DeployRevision }"
    )
    given = read_assumptions({"roll_back": {"document": text, "path": "undo"}}, "x")
    document = document_of(given)
    assert validate(schema, parse(document)) == []
    assert 'String! = "IMAGE_AND_DAGS"' in document


def test_a_document_that_cannot_be_parsed_is_refused_without_a_request(sandbox: SandboxProcess) -> None:
    """The reason has the parser's words."""
    document = "mutation M($a: ) { undo }"
    (check,) = plan(sandbox, assumptions={"roll_back": {"document": document}}).failed_checks
    assert "cannot be parsed: Syntax Error" in check.reason
    assert proofs(sandbox) == 0
