# SPDX-License-Identifier: Apache-2.0
"""The installation as this process has read it: the parts of the API that it lacks, and other names.

Reads adapt, writes never do. A GraphQL server validates a document before it runs anything, and names
every field and argument that it does not know. Optional ones are left out from then on. The names of a
deploy's fields are looked up in the schema, if it may be read.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.platforms.private_cloud.assumptions import NEEDED_FIELDS, Assumptions
from airflow_rollback_provider.platforms.private_cloud.graphql import NO_ARGUMENT, NO_FIELD, NO_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphql import DocumentNode, FieldNode

    from airflow_rollback_provider.domain.deploys import RequestRefusal

_log = logging.getLogger(__name__)

_MOST_ERRORS = 100
MOST_EXTRA = 2
"""Largest number of requests that a read may take besides its own, until it fits the installation."""
# The reads of a plan share that number.
_OF_A_PLAN = ("survey_context", "survey_history", "deploys", "deploys_by_release_name")
_OF_DEPLOYS = ("survey_history", "deploys", "deploys_by_release_name", "deploy")
# Without these an answer cannot be used: the path to the result, and in it:
_NEEDED_IN_RESULT = {
    "logs": {"timestamp", "message"},
    "workspace_deployments": {"id", "releaseName"},
    "all_deployments": {"id"},
}
# Without another argument the field has another meaning, so the field is left out.
_OPTIONAL_ARGUMENTS = ("take", "component", "search")

# Further texts of graphql-js.
_SELECTION = re.compile(r"""Field ["'](\w+)["'] (?:of type .*)?must (?:not )?have a sel""")
_REQUIRED = re.compile(
    r"""Field ["'](\w+)["'] argument ["']\w+["'] of type .* is required"""
    r"""|Argument ["']\w+\.(\w+)\(\w+:\)["'] of type .* is required"""
)
_VARIABLE = re.compile(r"""Variable ["']\$(\w+)["'] of type .* used in position""")

_UNKNOWN_WITHOUT = {
    "deployment.label": "the name of the Deployment",
    "deployment.runtimeVersion": "the Runtime version that runs",
    "deployment.runtimeAirflowVersion": "the Airflow version that runs",
    "deployment.dagDeployment": "how Dags are deployed",
    "deployment.deployInfo": "the image that runs",
    "deployment.workspace": "the settings of the workspace",
    "deployment.clusterId": "the settings of the cluster",
    "deployment.deployRollbackEnabled": "whether rollbacks are switched on for the Deployment",
    "deployment.status": "whether the Deployment is healthy",
    "appConfig.version": "the version of the platform",
    "appConfig": "whether rollbacks are switched on",
    "self": "the permissions of the token",
}

Proof = tuple[tuple["RequestRefusal", ...], str]
"""The refusals, and why it is not known whether the platform knows the request; empty if it is known."""


@dataclass
class Installation:
    """One installation, as a connection reaches it. Several threads of a process share it.

    :param assumptions: the connection's assumptions, with the names that were found in the schema.
    :param left_out: paths of fields, and of arguments as ``field(argument)``, that it does not know.
    :param names: the name in the installation of a deploy's field, where it was found in the schema.
    :param extra: numbers of requests that reads took besides their own.
    :param schema_was_read: whether the schema was requested.
    :param refusals: error of each read that could not be adapted.
    :param proof: whether it knows the rollback request; None as long as this was not tried.
    """

    assumptions: Assumptions
    left_out: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    extra: Counter[str] = field(default_factory=Counter)
    schema_was_read: bool = False
    refusals: dict[str, str] = field(default_factory=dict)
    proof: Proof | None = None
    _lock: RLock = field(default_factory=RLock, repr=False, compare=False)

    def document(self, operation: str, first: int = 0) -> str | None:
        """Return the first document of a read that the installation knows; None if it knows none.

        :param first: number of the latest document that its version can have.
        """
        documents = self.assumptions.operation(operation).documents
        for text in documents[min(first, len(documents) - 1) :]:
            fitting = self._fitting(operation, text)
            if fitting is not None:
                return fitting
        return None

    @property
    def by_release_name(self) -> bool:
        """Whether a history is read by release name, because the installation does not take the id."""
        return self._refuses_history_by("deploymentUuid")

    @property
    def refusal_of_id(self) -> str:
        """The error of reading a history by id; empty if it was not refused."""
        return self.refusals.get("deploys") or self.refusals.get("survey_history", "")

    @property
    def knows_release_name(self) -> bool:
        """Whether a history can be read by release name, as far as it is known."""
        return not self._refuses_history_by("releaseName")

    def _refuses_history_by(self, argument: str) -> bool:
        return f"{self.assumptions.template('deploys').paths['result']}({argument})" in self.left_out

    def may_adapt(self, operation: str) -> bool:
        """Count one more request for a read, and return whether it may be sent."""
        group = "plan" if operation in _OF_A_PLAN else operation
        self.extra[group] += 1
        return self.extra[group] <= MOST_EXTRA

    def wants_schema(self, operation: str, texts: Iterable[str]) -> bool:
        """Whether the schema is to be read: it was not, and errors name a field of a deploy."""
        is_first = not self.schema_was_read and not any(self.extra.values())
        names = map(_field_in, texts)
        return is_first and any(self._deploy_fields(operation, name) for name in names if name)

    def settle(self, names: dict[str, str | None]) -> None:
        """Take over the names of a deploy's fields from the schema; None leaves a field out."""
        with self._lock:
            self.names = {**self.names, **{ours: name for ours, name in names.items() if name}}
            self._set_deploy_fields(names)

    def learn(self, operation: str, document: str, texts: Iterable[str], *, quiet: bool = False) -> bool:
        """Leave out what a server's errors name, and return whether anything changed.

        :param quiet: whether to log nothing. Default False: each part has one warning.
        """
        with self._lock:
            before = self.left_out, self.assumptions.deploy_fields
            parts: set[str] = set()
            for text in list(texts)[:_MOST_ERRORS]:
                parts |= self._parts_to_leave_out(operation, document, text)
            if operation not in self.assumptions.replaced:
                self.left_out = self.left_out | parts
            if (self.left_out, self.assumptions.deploy_fields) == before:
                return False
            if not quiet and self.document(operation) is not None:
                self._warn(self.left_out - before[0], before[1])
            return True

    def _parts_to_leave_out(self, operation: str, document: str, text: str) -> set[str]:
        """Return the paths that an error names; a field of a deploy is left out of the selection instead.

        Where a name occurs several times, the optional ones go first. What is needed makes the document
        unusable.
        """
        arguments = set(_refused_arguments(document, text))
        if arguments:
            optional = {part for part in arguments if not self._is_needed(operation, part.partition("(")[0])}
            return optional or arguments
        name = _field_in(text)
        required = _name(_REQUIRED, text)
        found = {path for path in _paths(document) if path.rpartition(".")[2] == (name or required)}
        optional = {path for path in found if not self._is_needed(operation, path)}
        rows = self.assumptions.template(operation).paths["result"]
        in_rows = {path for path in found if operation in _OF_DEPLOYS and path.startswith(f"{rows}.")}
        if optional - in_rows or required:
            return optional - in_rows
        if name and in_rows:
            self._set_deploy_fields(dict.fromkeys(self._deploy_fields(operation, name)))
            return set()
        return found

    def needed(self, operation: str, document: str, texts: Iterable[str]) -> str | None:
        """Return the first error without whose correction there is no answer; None if there is none."""
        for text in texts:
            alone = Installation(self.assumptions)
            if not alone.learn(operation, document, [text], quiet=True) or not alone.document(operation):
                return text
        return None

    @property
    def changes(self) -> str:
        """How the reads differ from the built-in ones, as sentences; empty if they do not."""
        fields = [f"{ours} is read from {name}" for ours, name in sorted(self.names.items())]
        left_out = sorted({*self.left_out, *self._fields_left_out})
        parts = []
        if left_out:
            parts.append(f"The installation does not know, so the requests leave out: {', '.join(left_out)}.")
        if fields:
            parts.append(f"By its schema, {', '.join(fields)}.")
        return " ".join(parts)

    @property
    def hint(self) -> str:
        """The parts of a deploy that are not known or guessed, with the setting, as sentences; else empty."""
        guessed = [f"{ours} from {name}" for ours, name in sorted(self.names.items())]
        guess = f"By the installation's schema, a plan reads {', '.join(guessed)}." if guessed else ""
        if not self._fields_left_out:
            return guess
        names = dict.fromkeys(self._fields_left_out, "<its name there, or null if there is none>")
        setting = json.dumps({"assumptions": {"deploy_fields": names}})
        return (
            f"The installation does not know {', '.join(self._fields_left_out)} of a deploy. If it has other "
            f"names, set them in the connection's extra: {setting}. {guess}"
        ).rstrip()

    @property
    def missing(self) -> frozenset[str]:
        """The fields of a deploy that are left out."""
        return frozenset(self._fields_left_out)

    @property
    def _fields_left_out(self) -> list[str]:
        given = self.assumptions.given_fields
        return [
            ours for ours, path in self.assumptions.deploy_fields.items() if not path and ours not in given
        ]

    def _deploy_fields(self, operation: str, name: str) -> list[str]:
        """Return the deploy fields with a name in their path, unless the connection set them."""
        if operation not in _OF_DEPLOYS:
            return []
        paths, given = self.assumptions.deploy_fields.items(), self.assumptions.given_fields
        return [ours for ours, path in paths if path and name in path.split(".") and ours not in given]

    def _set_deploy_fields(self, names: dict[str, str | None]) -> None:
        usable = {ours: name for ours, name in names.items() if name or ours not in NEEDED_FIELDS}
        merged = {**self.assumptions.deploy_fields, **usable}
        self.assumptions = replace(self.assumptions, deploy_fields=merged)

    def _is_needed(self, operation: str, path: str) -> bool:
        result = self.assumptions.template(operation).paths["result"]
        # The owner in the answer to check shows that the platform accepts the token.
        if f"{result}.".startswith(f"{path}.") or (operation, path) == ("check", "self"):
            return True
        inside, dot, rest = path.partition(f"{result}.")
        if inside or not dot:
            return False
        needed: Iterable[str] = _NEEDED_IN_RESULT.get(operation, {"id"})
        if operation in _OF_DEPLOYS:
            kept = {*NEEDED_FIELDS, *self.assumptions.given_fields}
            needed = [name for ours, name in self.assumptions.deploy_fields.items() if name and ours in kept]
        return any(f"{name}.".startswith(f"{rest}.") for name in needed)

    def _fitting(self, operation: str, text: str) -> str | None:
        """Return a document without the parts that are left out; None if one of them is needed."""
        if not self.left_out or operation in self.assumptions.replaced:
            return text
        arguments = frozenset(part for part in self.left_out if part.endswith(")"))
        fields = self.left_out - arguments
        for part in sorted(arguments):
            path, _, argument = part[:-1].partition("(")
            if argument not in _OPTIONAL_ARGUMENTS and part in _arguments(text):
                fields = fields | {path}
        smaller = _without(text, fields, arguments)
        lost = set(_paths(text)).difference(_paths(smaller))
        return None if any(self._is_needed(operation, path) for path in lost) else smaller

    def _warn(self, parts: frozenset[str], deploy_fields: Any) -> None:
        now = self.assumptions.deploy_fields
        gone = [ours for ours in now if deploy_fields[ours] and now[ours] is None]
        names = {*parts, *(str(deploy_fields[ours]) for ours in gone)}
        lacking = {*map(_lacking, parts), *(f"{ours.replace('_', ' ')} of a deploy" for ours in gone)}
        _log.warning(
            "This installation does not know %s. The requests leave it out, so a plan does not know: %s. "
            "If it has another name, set it in the connection's field assumptions.",
            ", ".join(sorted(names)),
            "; ".join(sorted(lacking)),
        )


# One for a connection and process: another setting is another key.
_installations: dict[tuple[str, str], Installation] = {}


def installation_at(endpoint: str, assumptions: Assumptions) -> Installation:
    """Return what this process knows of the installation at an address."""
    key = endpoint, json.dumps(assumptions.given, sort_keys=True)
    return _installations.setdefault(key, Installation(assumptions))


def forget() -> None:
    """Forget what this process knows. For tests that change a platform behind its address."""
    _installations.clear()


def _lacking(part: str) -> str:
    path = part.partition("(")[0]
    return next(
        (text for known, text in _UNKNOWN_WITHOUT.items() if f"{path}.".startswith(f"{known}.")), part
    )


def _name(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return next(filter(None, match.groups())) if match else None


def _field_in(text: str) -> str | None:
    return _name(NO_FIELD, text) or _name(_SELECTION, text)


def _refused_arguments(document: str, text: str) -> Iterator[str]:
    """Yield the arguments that a server's error refuses, as ``path(argument)``."""
    match = NO_ARGUMENT.search(text)
    refused = (match["field"], match["name"]) if match else None
    variable, kind = _name(_VARIABLE, text), _name(NO_TYPE, text)
    for part, (uses, types) in _arguments(document).items():
        path, _, argument = part[:-1].partition("(")
        if refused == (path.rpartition(".")[2], argument) or variable in uses or kind in types:
            yield part


def _fields(document: DocumentNode) -> Iterator[tuple[str, FieldNode]]:
    """Yield the fields of a document's operation with their paths."""
    from graphql import FieldNode, get_operation_ast

    operation = get_operation_ast(document)
    below: list[tuple[str, Any]] = [("", operation)] if operation else []
    for above, node in below:  # the list grows inside the loop
        for item in node.selection_set.selections if node.selection_set else ():
            if isinstance(item, FieldNode):
                path = f"{above}{item.name.value}"
                below.append((f"{path}.", item))
                yield path, item


def _parse(text: str) -> DocumentNode | None:
    from graphql import GraphQLError, parse

    try:
        return parse(text)
    except (GraphQLError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _paths(text: str) -> tuple[str, ...]:
    document = _parse(text)
    return tuple(path for path, _ in _fields(document)) if document else ()


@lru_cache(maxsize=64)
def _arguments(text: str) -> dict[str, tuple[set[str], set[str]]]:
    """Return each argument as ``path(argument)``, with the variables in it and the types of these."""
    from graphql import get_operation_ast, print_ast

    from airflow_rollback_provider.platforms.private_cloud.partial_read import Names

    document = _parse(text)
    operation = get_operation_ast(document) if document else None
    declared = {
        item.variable.name.value: print_ast(item.type).strip("[]!")
        for item in (operation.variable_definitions or () if operation else ())
    }
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path, node in _fields(document) if document else ():
        for argument in node.arguments or ():
            used = Names(argument).variables
            types = {declared[name] for name in used if name in declared}
            found[f"{path}({argument.name.value})"] = used, types
    return found


@lru_cache(maxsize=64)
def _without(text: str, fields: frozenset[str], arguments: frozenset[str]) -> str:
    """Return a document without fields, arguments, and the variables that are not used then."""
    from graphql import (
        REMOVE,
        FieldNode,
        SelectionSetNode,
        VariableDefinitionNode,
        get_operation_ast,
        print_ast,
        visit,
    )
    from graphql.language import Visitor

    from airflow_rollback_provider.platforms.private_cloud.partial_read import Names

    document = _parse(text)
    if document is None:
        return text
    paths = {id(node): path for path, node in _fields(document)}

    class Remove(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> Any:
            return REMOVE if paths.get(id(node)) in fields else None

        def enter_argument(self, node: Any, key: Any, parent: Any, path: Any, ancestors: Any) -> Any:
            owner = next((item for item in reversed(ancestors) if isinstance(item, FieldNode)), None)
            return REMOVE if f"{paths.get(id(owner))}({node.name.value})" in arguments else None

        def leave_field(self, node: FieldNode, *_: Any) -> Any:
            inside = node.selection_set
            return REMOVE if isinstance(inside, SelectionSetNode) and not inside.selections else None

    smaller = visit(document, Remove())
    operation = get_operation_ast(smaller)
    used = Names(operation.selection_set).variables if operation else set()

    class RemoveVariables(Visitor):
        def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
            return None if node.variable.name.value in used else REMOVE

    return print_ast(visit(smaller, RemoveVariables()))
