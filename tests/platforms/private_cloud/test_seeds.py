# SPDX-License-Identifier: Apache-2.0
"""Tests against installations whose assumed parts differ, one for each seed of the embedded platform.

Each ends in the one right rollback. Until then every refusal names the setting to write, and nothing is
executed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

import pytest
from graphql import (
    REMOVE,
    ArgumentNode,
    FieldNode,
    GraphQLEnumType,
    NameNode,
    OperationDefinitionNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    build_schema,
    parse,
    print_ast,
    validate,
    visit,
)

from airflow_rollback_provider.domain.deploys import Deploy
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.domain.findings import Status, merge
from airflow_rollback_provider.hooks.client import DeployHistoryClient
from airflow_rollback_provider.http.flow import run_flow
from airflow_rollback_provider.http.messages import Flow, Request, Response
from airflow_rollback_provider.platforms.base import Platform
from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions, read_assumptions
from airflow_rollback_provider.platforms.registry import connect
from airflow_rollback_provider.sandbox.client import connection as describe
from airflow_rollback_provider.sandbox.graphql_api import Session, execute, read_operation
from airflow_rollback_provider.sandbox.graphql_schema import SCHEMA_FILE, schema_for, shape_of
from airflow_rollback_provider.sandbox.model import make_id
from airflow_rollback_provider.sandbox.settings import Settings
from airflow_rollback_provider.sandbox.state import Sandbox
from airflow_rollback_provider.sandbox.tokens import TOKENS
from tests.support.talking import connection

T = TypeVar("T")

ASSUMED = build_schema(SCHEMA_FILE.read_text("utf-8"))
# The Deployment, the requested scope, and the platform's word for the scope that is right for it.
ROLLBACKS: tuple[tuple[str, str | None, str], ...] = (
    ("image-af3", None, "IMAGE"),
    ("dag-deploy-af3", None, "IMAGE_AND_DAGS"),
    ("dag-deploy-af2", "dags", "DAGS"),
    ("dag-deploy-af3", "image", "IMAGE"),
    ("git-sync-af2", None, "IMAGE"),
)
MOST_ROUNDS = 30


class User:
    """Reads the names in the installation's schema, and writes the settings that a refusal names."""

    def __init__(self, installation: Settings, release_name: str) -> None:
        self.renamed = installation.renamed_fields
        self.hidden = installation.hidden_fields
        self.words = installation.status_words
        self.by_release_name = installation.history_shape == "releaseName"
        self.release_name = release_name
        self.assumptions: dict[str, Any] = {}

    def write(self, text: str) -> bool:
        """Write each setting in a text, and return whether the connection has changed."""
        before = json.dumps(self.assumptions)
        for setting in settings_in(text):
            for key, named in setting["assumptions"].items():
                self.assumptions = merge(self.assumptions, {key: self._true(key, named)})
        return json.dumps(self.assumptions) != before

    def _true(self, key: str, named: dict[str, Any]) -> dict[str, Any]:
        usual = Assumptions()
        if key == "deploy_fields":
            return {ours: self._path("DeployRevision", usual.deploy_fields[ours]) for ours in named}
        if key == "scopes":
            return {ours: self._name(f"RollbackScope.{usual.scopes[ours]}") for ours in named}
        if key == "statuses":
            meant = {there: usual.statuses[word] for word, there in self.words.items()}
            return {word: meant[word] for word in named}
        operation = usual.template(key)
        root = "Mutation" if key == "roll_back" else "Query"
        return {
            "document": self._document(operation.documents[0]),
            "path": self._path(root, operation.paths["result"]),
        }

    def _name(self, part: str) -> str:
        return self.renamed.get(part, part.rpartition(".")[2])

    def _path(self, kind: str, path: str | None) -> str | None:
        head, dot, rest = (path or "").partition(".")
        if f"{kind}.{head}" in self.hidden:
            return None
        return self._name(f"{kind}.{head}") + (f".{self._path('Author', rest)}" if dot else "")

    def _document(self, text: str) -> str:
        """Return a document with the names of the installation."""
        info = TypeInfo(ASSUMED)
        renamed = visit(parse(text), TypeInfoVisitor(info, self._renaming(info)))
        return without_unused_variables(print_ast(renamed))

    def _renaming(self, info: TypeInfo) -> Visitor:
        user = self

        class Renaming(Visitor):
            def leave_field(self, node: FieldNode, *_: Any) -> Any:
                part = f"{info.get_parent_type()}.{node.name.value}"
                if part in user.hidden:
                    return REMOVE
                return FieldNode(
                    name=NameNode(value=user._name(part)),
                    alias=node.alias,
                    arguments=node.arguments,
                    directives=node.directives,
                    selection_set=node.selection_set,
                )

            def leave_argument(self, node: ArgumentNode, *_: Any) -> Any:
                field = info.get_field_def()
                assert field is not None
                assert field.ast_node is not None
                part = f"{info.get_parent_type()}.{field.ast_node.name.value}.{node.name.value}"
                if part in user.hidden:
                    return REMOVE
                if user.by_release_name and part == "Query.paginatedDeployRevisions.deploymentUuid":
                    # The connection is for this one Deployment.
                    return ArgumentNode(
                        name=NameNode(value="releaseName"), value=StringValueNode(value=user.release_name)
                    )
                return ArgumentNode(name=NameNode(value=user._name(part)), value=node.value)

        return Renaming()


def without_unused_variables(text: str) -> str:
    """Return a document without the variables that it declares and does not use."""
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    used: set[str] = set()

    class Used(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            used.add(node.name.value)

    class Unused(Visitor):
        def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
            return None if node.variable.name.value in used else REMOVE

    visit(operation.selection_set, Used())
    return print_ast(visit(operation, Unused()))


def settings_in(text: str) -> Iterator[dict[str, Any]]:
    """Yield the settings in a text that say what belongs into the connection's extra."""
    _, *rest = text.split("extra: ")
    for part in rest:
        yield json.JSONDecoder().raw_decode(part)[0]


class Direct(DeployHistoryClient):
    """The client on a platform in this process: without HTTP, 80 installations take seconds."""

    def __init__(self, sandbox: Sandbox, assumptions: dict[str, Any]) -> None:
        self._platform = connect(connection(**describe("http://127.0.0.1", assumptions=assumptions))).platform
        self._sandbox = sandbox
        self._seen = {}

    @property
    def platform(self) -> Platform:
        """The platform."""
        return self._platform

    def run(self, flow: Flow[T]) -> T:
        """Run a flow; return its value."""
        return run_flow(flow, self._send)

    def _send(self, request: Request) -> Response:
        body, world = request.body, self._sandbox.world
        session = Session(world, request.headers["authorization"])
        operation = read_operation(body["query"], body.get("operationName"))
        answer = execute(session, operation, body["variables"])
        status = world.settings.error_status if answer.errors else answer.status
        return Response(status, {}, json.dumps(answer.body).encode(), world.clock.now())


class Installation:
    """The embedded platform with one seed, and a user with a connection to it."""

    def __init__(self, seed: int) -> None:
        self.sandbox = Sandbox(seed=seed)
        self.world = self.sandbox.world
        self.settings = self.world.settings
        self.settings.update({"max_take": 10})
        self.key, self.scope, self.word = ROLLBACKS[seed % len(ROLLBACKS)]
        self.deployment = self.world.deployment(make_id(self.key, "deployment"))
        self.target = list(islice(self.world.listed(self.deployment), 3))[2]
        # Whether the last plan was allowed without the warning that the request is not proven.
        self.promised = False
        self.user = User(self.settings, self.deployment.release_name)

    def client(self) -> Direct:
        """Return a client for the connection as it is now."""
        return Direct(self.sandbox, self.user.assumptions)

    def until_done(self, action: Callable[[Direct], T]) -> T:
        """Do something, and after each refusal write the settings in it and do it again."""
        for _ in range(MOST_ROUNDS):
            try:
                return action(self.client())
            except RollbackError as refusal:
                text = str(refusal)
                assert not self.promised, text
                assert self.world.mutations == 0, text
                assert TOKENS["editor"].value not in text
                assert self.user.write(text), text
        raise AssertionError(self.user.assumptions)

    def roll_back(self, client: Direct) -> Deploy:
        """Plan a rollback and carry it out; return the new deploy."""
        plan = client.plan(self.deployment.id, scope=self.scope)
        plan.require_allowed()
        self.promised = "REQUEST-NOT-PROVEN" not in {warning.code for warning in plan.warnings}
        assert self.promised != self.settings.one_operation
        return client.submit(plan, "why", "0123456789abcdef0123")

    def check_doctor(self) -> None:
        """Run the doctor: it must not report a rollback request as known that is not valid."""
        client = self.client()
        findings = client.run(client.platform.diagnose(self.deployment.id))
        assert TOKENS["editor"].value not in str(findings)
        for finding in findings:
            read_assumptions((finding.setting or {}).get("assumptions"), finding.code)
        statuses = {finding.status for finding in findings if finding.code == "SCHEMA-ROLLBACK"}
        assert statuses in ({Status.UNKNOWN}, {Status.ERROR}) or (statuses == {Status.OK} and self.fits())

    def fits(self) -> bool:
        """Whether the rollback request of the connection is valid for the installation's schema."""
        given = read_assumptions(self.user.assumptions, "the connection")
        schema = schema_for(shape_of(self.settings))
        words = schema.type_map["RollbackScope"]
        assert isinstance(words, GraphQLEnumType)
        document = parse(given.operation("roll_back").documents[0])
        return not validate(schema, document) and set(given.scopes.values()) <= set(words.values)


@pytest.mark.parametrize("seed", range(80))
def test_each_installation_ends_in_the_one_right_rollback(seed: int) -> None:
    """A user who writes what the refusals name gets there; no plan promises what fails."""
    installation = Installation(seed)
    installation.check_doctor()
    deploy = installation.until_done(installation.roll_back)
    latest = next(installation.world.listed(installation.deployment))
    assert (latest.id, latest.rollback_from_id, latest.scope) == (
        deploy.id,
        installation.target.id,
        installation.word,
    )
    assert installation.world.mutations == 1
