# SPDX-License-Identifier: Apache-2.0
"""Houston's GraphQL API on the world: parse, validate, execute, and errors in Houston's form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    execute_sync,
    parse,
    specified_rules,
    validate,
)

from airflow_rollback_provider.sandbox.answer import Answer
from airflow_rollback_provider.sandbox.errors import Refused
from airflow_rollback_provider.sandbox.graphql_schema import Shape, schema_for, shape_of
from airflow_rollback_provider.sandbox.resolvers import resolve
from airflow_rollback_provider.sandbox.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Operation:
    """A parsed request, which a fault can match before it is executed."""

    query: str
    document: DocumentNode | None
    error: GraphQLError | None
    operation_name: str | None
    name: str | None
    fields: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The operation's own name and its root fields."""
        return (*((self.name,) if self.name else ()), *self.fields)


@lru_cache(maxsize=256)
def read_operation(query: str, operation_name: str | None = None) -> Operation:
    """Parse a GraphQL request far enough to find its operation. Bad syntax raises nothing."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return Operation(query, None, error, operation_name, operation_name, ())
    definitions = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    named = [node for node in definitions if operation_name in (None, node.name and node.name.value)]
    if not named:
        return Operation(query, document, None, operation_name, operation_name, ())
    chosen = named[0]
    fields = (node.name.value for node in chosen.selection_set.selections if isinstance(node, FieldNode))
    name = chosen.name.value if chosen.name else None
    return Operation(query, document, None, operation_name, name, tuple(fields))


def execute(session: Session, operation: Operation, variables: dict[str, Any] | None) -> Answer:
    """Validate and run a request against the world."""
    if operation.document is None:
        return _answer(None, [operation.error] if operation.error else [])
    settings = session.world.settings
    if settings.one_operation and _operations(operation.document) > 1:
        return Answer({"message": "A request may have one operation"}, 400)
    shape = shape_of(settings)
    if problems := _validated(operation.query, shape, settings.introspection):
        return _answer(None, problems, settings.error_extensions)
    result = execute_sync(
        schema_for(shape),
        operation.document,
        context_value=session,
        variable_values=variables,
        operation_name=operation.operation_name,
        field_resolver=resolve,
    )
    return _answer(result.data, result.errors or ())


@lru_cache(maxsize=256)
def _validated(query: str, shape: Shape, introspection: bool) -> tuple[GraphQLError, ...]:
    """Validate a query once: clients that poll send the same text repeatedly."""
    rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    return tuple(validate(schema_for(shape), parse(query), rules))


def _operations(document: DocumentNode) -> int:
    return sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)


def _answer(data: dict[str, Any] | None, errors: Iterable[GraphQLError], invalid: bool = False) -> Answer:
    """Return the answer in Houston's form.

    :param invalid: whether the errors have the code of a document that does not fit the schema.
    """
    extensions = {"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}} if invalid else {}
    views = [_error_view(error) | extensions for error in errors]
    body: dict[str, Any] = {"errors": views, "data": data} if views else {"data": data}
    return Answer(body, errors=tuple(item["name"] for item in views))


def _error_view(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    if isinstance(cause, Refused):
        return {"message": cause.message, "name": cause.name, "path": error.path}
    return {"message": error.message, "name": "GraphQLError" if cause is None else "InternalServerError"}


__all__ = ["Answer", "Operation", "Session", "execute", "read_operation"]
