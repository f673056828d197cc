# SPDX-License-Identifier: Apache-2.0
"""An operation asked as a whole and, where that fails, piece by piece.

What is broken shall not hide the rest.
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
    from airflow_rollback_provider.platforms.private_cloud.errors import RequestContext

_NO_ANSWER = (PlatformUnreachable, TlsFailed)


@dataclass
class PartialResult:
    """What an operation told.

    :param operation: the operation.
    :param data: the data of the answers, as far as they came.
    :param errors: why a field at the top of the request was not told, by its name in the answer.
    :param whole: why the operation failed as a whole; None if it did not.
    """

    operation: Operation
    data: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, RollbackError] = field(default_factory=dict)
    whole: RollbackError | None = None

    @property
    def fails_only_whole(self) -> RollbackError | None:
        """Why the operation fails though each of its pieces can be read; None where that is not so."""
        return None if self.errors else self.whole

    def value(self, name: str) -> Any:
        """Return one of the values that the operation promises; None where it was not told."""
        return Row(self.operation.name, self.data).find(self.operation.paths.get(name))

    def answered(self, name: str) -> bool:
        """Whether the field at the top that a value belongs to was answered, be it with null."""
        return self.root(name) in self.data

    def error(self, name: str) -> RollbackError | None:
        """Return why a value was not told."""
        return self.errors.get(self.root(name))

    @property
    def roots(self) -> set[str]:
        """Names of the fields at the top that the operation's values belong to."""
        return {self.root(name) for name in self.operation.paths}

    def root(self, name: str) -> str:
        """Name the field at the top that a value belongs to; empty where the operation has none."""
        return self.operation.paths.get(name, "").partition(".")[0]


def read_in_parts(
    api: Api, operation: Operation, context: RequestContext, variables: Mapping[str, Any]
) -> Flow[PartialResult]:
    """Ask an operation, and if that fails each field at its top by itself. Raises nothing of this package.

    :param operation: the operation, as the connection has it.
    :param variables: those of the operation; a piece takes what it uses.
    """
    told = PartialResult(operation)
    try:
        answer, _ = yield from api.ask(context, variables)
    except RollbackError as error:
        whole = error.with_traceback(None)
    else:
        told.data.update(answer.data)
        return told
    told.whole = whole
    parts = list(_pieces(operation))
    names = {name for name, _ in parts}
    told.errors.update(dict.fromkeys(names | told.roots, whole))
    if len(names) > 1 and not isinstance(whole, _NO_ANSWER):
        yield from _read_parts(api, context, variables, parts, told)
    return told


def _read_parts(
    api: Api,
    context: RequestContext,
    variables: Mapping[str, Any],
    parts: list[tuple[str, str]],
    told: PartialResult,
) -> Flow[None]:
    found: dict[str, RollbackError] = {}
    for name, document in parts:
        if name in told.data:
            continue
        try:
            answer, _ = yield from api.ask_exactly(context, document, variables)
        except RollbackError as error:
            # An older document may have what the newer one asks for under a name that is not known here.
            if isinstance(found.get(name, error), UnknownField) or name not in found:
                found[name] = error.with_traceback(None)
        else:
            told.data.update(answer.data)
    told.errors.update(found)
    for name in told.data:
        told.errors.pop(name, None)


def _pieces(operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield each field at the top of each document, with a document of its own."""
    for text in operation.documents:
        try:
            yield from split(parse(text)).items()
        except (GraphQLError, RecursionError):
            continue


def split(document: DocumentNode) -> dict[str, str]:
    """Return a document for each field at the top of a document, by the field's name in the answer."""
    operation = get_operation_ast(document)
    selections = operation.selection_set.selections if operation else ()
    fields = [item for item in selections if isinstance(item, FieldNode)]
    return {(item.alias or item.name).value: _alone(document, item) for item in fields}


def _alone(document: DocumentNode, field: FieldNode) -> str:
    """Keep one field, and of fragments and variables what it uses: a server refuses what is not used."""
    operation = get_operation_ast(document)
    assert operation is not None  # noqa: S101 - the field is of this operation
    all_fragments = {
        item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)
    }
    fragments: list[FragmentDefinitionNode] = []
    names = _Names(field)
    for name in names.fragments:  # grows while fragments are read
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


class _Names(Visitor):
    """The fragments and variables that a part of a document uses, each once."""

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
