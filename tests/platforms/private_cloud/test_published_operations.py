# SPDX-License-Identifier: Apache-2.0
"""Tests of what counts as known: the operations that published clients send to Houston.

``published_operations.json`` lists them as facts, with the version from which each is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_operation_ast,
    parse,
    print_ast,
    validate,
)

import airflow_rollback_provider
from airflow_rollback_provider.sandbox.graphql_schema import schema_for, shape_of, version_key
from airflow_rollback_provider.sandbox.settings import Settings

DOCUMENTS = Path(airflow_rollback_provider.__file__).parent / "platforms/private_cloud/documents"
KNOWN = sorted((DOCUMENTS / "known").glob("*.graphql"))
READS = ("appConfig", "deployment", "workspaceDeployments", "paginatedDeployments", "logs", "runtimeReleases")
VERSIONS = (
    "0.25.0",
    "0.25.6",
    "0.28.0",
    "0.29.0",
    "0.30.0",
    "0.32.0",
    "0.37.0",
    "1.0.0",
    "1.0.43",
    "1.1.3",
    "2.0.0",
    "2.1.0",
)
# The versions of orbis are names of whole lines.
LINES = {"": "0.25.0", "0.x": "0.29.2", "1.x": "1.0.0", "apc": "1.0.0"}


@dataclass(frozen=True)
class Published:
    """One root field as a published client requests it."""

    source: str
    since: str
    root: str
    arguments: dict[str, str]
    variables: dict[str, str]
    paths: frozenset[str]

    def document(self) -> str:
        """Return the operation's text."""
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.variables.items())
        given = ", ".join(f"{name}: {value}" for name, value in self.arguments.items())
        head = f"query Published({declared})" if declared else "query Published"
        return f"{head} {{ {self.root}{f'({given})' if given else ''} {{ {_selection(self.paths)} }} }}"

    def types(self) -> dict[str, str]:
        """Return the type of each argument; a literal has its own text."""
        return {
            name: re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], value)
            for name, value in self.arguments.items()
        }


def _selection(paths: frozenset[str]) -> str:
    heads: dict[str, set[str]] = {}
    for path in sorted(paths):
        head, _, rest = path.partition(".")
        heads.setdefault(head, set()).update({rest} - {""})
    return " ".join(
        f"{head} {{ {_selection(frozenset(rest))} }}" if rest else head for head, rest in heads.items()
    )


@cache
def published() -> tuple[Published, ...]:
    """Return the published reads."""
    facts = json.loads(Path(__file__).with_name("published_operations.json").read_text("utf-8"))
    return tuple(_read(fact) for fact in facts["operations"] if fact["kind"] == "query")


def _read(fact: dict[str, Any]) -> Published:
    (root,) = {re.split(r"[.(]", path)[0] for path in fact["asks"]}
    arguments: dict[str, str] = {}
    for path in fact["asks"]:
        if path.startswith(f"{root}("):
            inside = path[len(root) + 1 : -1]
            arguments = dict(pair.split(": ", 1) for pair in re.split(r", (?![^{]*\})", inside))
    paths = frozenset(path.partition(".")[2] for path in fact["asks"] if path.startswith(f"{root}."))
    return Published(fact["source"], fact["since"], root, arguments, fact["variables"], paths)


def _since(operation: Published) -> tuple[int, ...]:
    return version_key(LINES.get(operation.since, operation.since))


def sent_to(version: str) -> Iterator[Published]:
    """Yield what published clients send to an installation of this version.

    astro-cli sends the latest document whose version is not later than the installation's; the next major
    version of astro-cli and orbis are clients of their own.
    """
    latest: dict[tuple[str, str], Published] = {}
    for operation in sorted(published(), key=_since):
        if operation.root in READS and _since(operation) <= version_key(version):
            key = (operation.source, operation.root if operation.since else str(sorted(operation.paths)))
            latest[key] = operation
    yield from latest.values()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_sandbox_accepts_what_published_clients_send(version: str) -> None:
    """Each published read is valid for the schema of each version that it is sent to."""
    schema = schema_for(shape_of(Settings(version=version)))
    sent = list(sent_to(version))
    assert {operation.root for operation in sent} >= {
        "appConfig",
        "deployment",
        "workspaceDeployments",
        "logs",
    }
    for operation in sent:
        assert validate(schema, parse(operation.document())) == [], operation.source


def test_every_read_of_the_contract_is_published() -> None:
    """The facts have each read that the client or the sandbox holds for known."""
    assert {operation.root for operation in published()} >= set(READS)


@pytest.mark.parametrize("file", KNOWN, ids=lambda file: file.stem)
def test_a_known_document_requests_only_what_a_published_one_requests(file: Path) -> None:
    """For each root field one published operation has all its fields and arguments, with the same types."""
    document = parse(file.read_text("utf-8"))
    operation = get_operation_ast(document)
    assert operation is not None
    for field in operation.selection_set.selections:
        assert isinstance(field, FieldNode)
        requested = _types(document, field), _paths(field.selection_set)
        assert any(_covers(candidate, field.name.value, *requested) for candidate in published()), requested


def _covers(candidate: Published, root: str, types: dict[str, str], paths: frozenset[str]) -> bool:
    same = candidate.types()
    return candidate.root == root and paths <= candidate.paths and types.items() <= same.items()


def _types(document: DocumentNode, field: FieldNode) -> dict[str, str]:
    """Return the type of each argument of a field."""
    operation = get_operation_ast(document)
    assert operation is not None
    declared = {
        item.variable.name.value: print_ast(item.type) for item in operation.variable_definitions or ()
    }
    return {item.name.value: _type_of(item.value, declared) for item in field.arguments or ()}


def _type_of(value: ValueNode, declared: dict[str, str]) -> str:
    if isinstance(value, VariableNode):
        return declared[value.name.value]
    text = re.sub(r"\$(\w+)", lambda found: declared[found[1]], print_ast(value))
    return "Int" if text.isdigit() else text


def _paths(selections: SelectionSetNode | None, above: str = "") -> frozenset[str]:
    found: set[str] = set()
    for node in selections.selections if selections else ():
        assert isinstance(node, FieldNode)
        given = ", ".join(item.name.value for item in node.arguments or ())
        name = f"{above}{node.name.value}({given})" if given else f"{above}{node.name.value}"
        found |= _paths(node.selection_set, f"{name}.") if node.selection_set else {name}
    return frozenset(found)


@pytest.mark.parametrize(
    "text",
    [
        "query Q($d: Uuid) { appConfig { version featureFlags(deploymentUuid: $d) } }",
        "query Q($id: String!) { deployment(where: {id: $id}) { label } }",
        "query Q($id: Uuid!) { deployment(where: {id: $id}) { id } }",
        "query Q($d: ID!) { logs(deploymentUuid: $d) { id } }",
        "query Q($d: Uuid!, $since: DateTime) { logs(deploymentUuid: $d, since: $since) { id } }",
    ],
)
def test_the_comparison_finds_what_is_not_published(text: str) -> None:
    """A field, an argument or a type of its own is found; the first one was held for known once."""
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    requested = _types(document, field), _paths(field.selection_set)
    assert not any(_covers(candidate, field.name.value, *requested) for candidate in published())
