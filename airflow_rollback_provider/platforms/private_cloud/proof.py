# SPDX-License-Identifier: Apache-2.0
"""Proof that the platform knows the rollback request, without running it.

A GraphQL server validates a document as a whole before it runs the operation that ``operationName`` names
(seen on Apollo Server 3 and 5). So the mutation is sent beside a harmless query, which alone is named. No
variables are sent, without which the mutation could not run in any case.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_rollback_provider.domain.deploys import Access, RequestRefusal, Scope
from airflow_rollback_provider.domain.errors import MalformedAnswer, RollbackError
from airflow_rollback_provider.http.flow import attempt
from airflow_rollback_provider.platforms.private_cloud.errors import is_invalid, suggested_setting
from airflow_rollback_provider.platforms.private_cloud.graphql import read_answer
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from graphql import ConstValueNode

    from airflow_rollback_provider.http.messages import Flow, Response
    from airflow_rollback_provider.platforms.private_cloud.api import Api
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions
    from airflow_rollback_provider.platforms.private_cloud.graphql import GraphQLError

OPERATION = "ProveRollBack"
_WORD = re.compile(r"""(?:Value ["']|found )(?P<word>\w+)""")

Proof = tuple[tuple[RequestRefusal, ...], str]
"""The refusals, and why it is not known whether the platform knows the request; empty if it is known."""

# One request for a connection and process: another setting is another key.
_proofs: dict[tuple[str, str], Proof] = {}


def forget() -> None:
    """Forget what was proven in this process. For tests that change a platform behind its address."""
    _proofs.clear()


def prove(api: Api, assumptions: Assumptions, access: Access) -> Flow[Access]:
    """Return the access with the proof. The first call for a connection in a process sends one request.

    It raises no error: if the request fails, the proof is not known. After an outage it is tried again.
    """
    key = api.endpoint, json.dumps(assumptions.given, sort_keys=True)
    proof = _proofs.get(key)
    if proof is None:
        proof = yield from _make_proof(api, assumptions, key)
    refusals, unknown = proof
    return replace(access, request_refusals=refusals, request_unknown=unknown)


def _make_proof(api: Api, assumptions: Assumptions, key: tuple[str, str]) -> Flow[Proof]:
    try:
        document = document_of(assumptions)
    except ValueError as error:
        refusal = RequestRefusal(f"The document in the connection cannot be parsed: {error}.", "Correct it.")
        return (refusal,), ""
    answered = yield from attempt(_send(api, document))
    if isinstance(answered, RollbackError):
        return (), str(answered)
    proof, lasting = _read(answered, api, assumptions)
    if lasting:
        _proofs[key] = proof
    return proof


def _send(api: Api, document: str) -> Flow[Response]:
    response: Response = yield api.request("prove", document, {}, OPERATION)
    return response


def document_of(assumptions: Assumptions) -> str:
    """Return the query, with the mutation once for each word of the scope.

    A variable's value is not validated with the document, but its default is. So each copy has one word as
    default.

    :raises ValueError: when the connection's document is not GraphQL.
    """
    from graphql import GraphQLError, OperationDefinitionNode, parse, print_ast

    try:
        definitions = parse(assumptions.operation("roll_back").documents[0]).definitions
    except (GraphQLError, RecursionError) as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    parts = [f"query {OPERATION} {{ __typename }}"]
    for definition in definitions:
        if isinstance(definition, OperationDefinitionNode):
            parts += [_copy(definition, ours, word) for ours, word in assumptions.scopes.items()]
        else:
            parts.append(print_ast(definition))
    return "\n".join(dict.fromkeys(parts))


def _copy(operation: object, ours: str, word: str) -> str:
    """Return the mutation under a name of its own, with a word as the default of its scope."""
    from graphql import (
        EnumValueNode,
        NameNode,
        OperationDefinitionNode,
        StringValueNode,
        VariableDefinitionNode,
        VariableNode,
        print_ast,
    )

    assert isinstance(operation, OperationDefinitionNode)  # noqa: S101 - by the caller
    variables = []
    for item in operation.variable_definitions or ():
        default: ConstValueNode | None = item.default_value
        if item.variable.name.value == "scope":
            is_text = print_ast(item.type).strip("!") in ("String", "ID")
            default = StringValueNode(value=word) if is_text else EnumValueNode(value=word)
        name = NameNode(value=item.variable.name.value)
        variables.append(
            VariableDefinitionNode(
                variable=VariableNode(name=name), type=item.type, default_value=default, directives=()
            )
        )
    copy = OperationDefinitionNode(
        operation=operation.operation,
        name=NameNode(value=f"RollBack_{ours}"),
        variable_definitions=tuple(variables),
        directives=operation.directives,
        selection_set=operation.selection_set,
    )
    return print_ast(copy)


def _read(response: Response, api: Api, assumptions: Assumptions) -> tuple[Proof, bool]:
    """Return the proof in an answer, and whether the next request would have the same answer."""
    lasting = response.status < 500 and response.status not in (401, 408, 429)
    try:
        answer = read_answer("prove", response, api.token)
    except MalformedAnswer as error:
        return ((), f"The platform answered with HTTP {response.status}: {error}"), lasting
    refused = [error for error in answer.errors if is_invalid(error)]
    if refused:
        # Each copy of the mutation has the same errors.
        found = {error.message: _refusal(error, assumptions) for error in refused}
        return (tuple(found.values()), ""), True
    if answer.errors:
        return ((), f"The platform does not validate it: {answer.errors[0].message}"), lasting
    if not isinstance(answer.data.get("__typename"), str):
        return ((), "The platform's answer is not that of the query that was sent."), lasting
    return ((), ""), True


def _refusal(error: GraphQLError, assumptions: Assumptions) -> RequestRefusal:
    setting = suggested_setting(error.message, RequestContext("roll_back"), assumptions)
    return RequestRefusal(
        f"The platform refuses the rollback request: {error.message}",
        f"Check the name in the installation's schema, and set it in the connection's extra: {setting}.",
        _scope(error.message, assumptions),
    )


def _scope(text: str, assumptions: Assumptions) -> Scope | None:
    """Return the scope whose word is refused; None if the request is refused with every scope."""
    found = _WORD.search(text)
    return assumptions.scope(found["word"]) if found else None
