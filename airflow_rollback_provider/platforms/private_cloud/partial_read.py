# SPDX-License-Identifier: Apache-2.0
"""Reading of an operation as a whole and, if that fails, field by field.

So one failing field does not prevent reading the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    VariableNode,
    Visitor,
    get_operation_ast,
    parse,
    print_ast,
    visit,
)

from airflow_rollback_provider.domain.errors import (
    PlatformUnreachable,
    RollbackError,
    TlsFailed,
    UnknownField,
)
from airflow_rollback_provider.platforms.private_cloud.mapping import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_rollback_provider.http.messages import Flow
    from airflow_rollback_provider.platforms.private_cloud.api import Api
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Operation
    from airflow_rollback_provider.platforms.request_context import RequestContext

_NO_ANSWER = (PlatformUnreachable, TlsFailed)


@dataclass
class PartialResult:
    """The result of an operation that was read as a whole or field by field.

    :param data: the data of all answers.
    :param errors: errors of root fields, by the field's name in the answer.
    :param whole: error of the operation as a whole; None if it succeeded.
    """

    operation: Operation
    data: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, RollbackError] = field(default_factory=dict)
    whole: RollbackError | None = None

    @property
    def only_whole_error(self) -> RollbackError | None:
        """The error of the operation as a whole if each field can be read alone; else None."""
        return None if self.errors else self.whole

    def value(self, name: str) -> Any:
        """Return one of the operation's values; None if it was not read."""
        return Row(self.operation.name, self.data).find(self.operation.paths.get(name))

    def answered(self, name: str) -> bool:
        """Whether there is an answer for the root field of a value, null included."""
        return self.root(name) in self.data

    def error(self, name: str) -> RollbackError | None:
        """Return the error of a value's root field."""
        return self.errors.get(self.root(name))

    @property
    def roots(self) -> set[str]:
        """Names of the root fields of the operation's values."""
        return {self.root(name) for name in self.operation.paths}

    def root(self, name: str) -> str:
        """Return the name of a value's root field; empty if the operation does not have the value."""
        return self.operation.paths.get(name, "").partition(".")[0]


def read_in_parts(
    api: Api, operation: Operation, context: RequestContext, variables: Mapping[str, Any]
) -> Flow[PartialResult]:
    """Read an operation, and if that fails each of its root fields alone. Raises no error of this package.

    :param operation: the operation, from the connection's assumptions.
    :param variables: the operation's variables; a single field takes those that it uses.
    """
    result = PartialResult(operation)
    try:
        answer, _ = yield from api.send(context, variables)
    except RollbackError as error:
        whole = error.with_traceback(None)
    else:
        result.data.update(answer.data)
        return result
    result.whole = whole
    parts = list(_parts(operation))
    names = {name for name, _ in parts}
    result.errors.update(dict.fromkeys(names | result.roots, whole))
    if len(names) > 1 and not isinstance(whole, _NO_ANSWER):
        yield from _read_parts(api, context, variables, parts, result)
    return result


def _read_parts(
    api: Api,
    context: RequestContext,
    variables: Mapping[str, Any],
    parts: list[tuple[str, str]],
    result: PartialResult,
) -> Flow[None]:
    errors: dict[str, RollbackError] = {}
    for name, document in parts:
        if name in result.data:
            continue
        try:
            answer, _ = yield from api.send_document(context, document, variables)
        except RollbackError as error:
            # An older document may succeed after a newer one failed with an unknown name.
            if isinstance(errors.get(name, error), UnknownField) or name not in errors:
                errors[name] = error.with_traceback(None)
        else:
            result.data.update(answer.data)
    result.errors.update(errors)
    for name in result.data:
        result.errors.pop(name, None)


def _parts(operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield each root field of each document, with a document for it alone."""
    for text in operation.documents:
        try:
            yield from split(parse(text)).items()
        except (GraphQLError, RecursionError):
            continue


def split(document: DocumentNode) -> dict[str, str]:
    """Return a document for each root field of a document, by the field's name in the answer."""
    operation = get_operation_ast(document)
    selections = operation.selection_set.selections if operation else ()
    fields = [item for item in selections if isinstance(item, FieldNode)]
    return {(item.alias or item.name).value: _document_of(document, item) for item in fields}


def _document_of(document: DocumentNode, field: FieldNode) -> str:
    """Return a document with one field and the fragments and variables it uses.

    A server refuses a document with unused ones.
    """
    operation = get_operation_ast(document)
    assert operation is not None  # noqa: S101 - the field is of this operation
    all_fragments = {
        item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)
    }
    fragments: list[FragmentDefinitionNode] = []
    names = Names(field)
    for name in names.fragments:  # the list grows inside the loop
        if name in all_fragments:
            fragments.append(all_fragments[name])
            names.read(all_fragments[name])
    declared = [
        print_ast(item)
        for item in operation.variable_definitions or ()
        if item.variable.name.value in names.variables
    ]
    head = f"{operation.operation.value} {operation.name.value if operation.name else ''}".strip()
    variables = f"({', '.join(declared)})" if declared else ""
    return "\n".join([f"{head}{variables} {{\n{print_ast(field)}\n}}", *map(print_ast, fragments)])


class Names(Visitor):
    """Collects the fragments and variables that a part of a document uses, each once."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.fragments: list[str] = []
        self.variables: set[str] = set()
        self.read(node)

    def read(self, node: Node) -> None:
        visit(node, self)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        if node.name.value not in self.fragments:
            self.fragments.append(node.name.value)

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.variables.add(node.name.value)
