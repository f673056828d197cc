# SPDX-License-Identifier: Apache-2.0
"""GraphQL over HTTP: one POST request, and an answer with data, errors or both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import MalformedAnswer
from airflow_rollback_provider.http.messages import Request, Response

if TYPE_CHECKING:
    from airflow_rollback_provider.http.secret import Secret

# Texts of graphql-js and graphql-core, which validate a document before it is executed.
NO_FIELD = re.compile(r"""Cannot query field ["'](?P<name>\w+)["'](?: on type ["'](?P<type>\w+)["'])?""")
NO_ARGUMENT = re.compile(
    r"""Unknown argument ["'](?P<name>\w+)["'](?: on field ["'](?:\w+\.)?(?P<field>\w+)["'])?"""
)
NO_TYPE = re.compile(r"""Unknown type ["'](?P<name>\w+)["']""")


@dataclass(frozen=True)
class GraphQLError:
    """One error of an answer: its text, its name or code, and its root field if the error has a path."""

    message: str
    name: str = ""
    field: str | None = None
    code: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer of a GraphQL endpoint.

    :param operation: name of the operation, for errors.
    :param data: the data, empty if there is none.
    :param errors: the errors; the token is removed from their texts.
    """

    operation: str
    data: Mapping[str, Any]
    errors: tuple[GraphQLError, ...]

    def find(self, path: str | None) -> Any:
        """Return the value at a path such as ``appConfig.version``; None if it or a parent is null.

        :raises MalformedAnswer: when a field of the path is missing.
        """
        value: Any = self.data
        for name in path.split(".") if path else ():
            if value is None:
                return None
            if not isinstance(value, Mapping) or name not in value:
                raise malformed(self.operation, f"has no {name!r} in the path {path!r}")
            value = value[name]
        return value if path else None


def malformed(operation: str, problem: str) -> MalformedAnswer:
    """Return the error for an answer in an unexpected form.

    :param problem: end of the sentence "the answer …".
    """
    return MalformedAnswer(
        f"The platform's answer to {operation!r} {problem}. If this installation uses other names, set them "
        f"in the connection's extra field assumptions, under {operation!r}."
    )


def post(
    url: str, operation: str, document: str, variables: Mapping[str, Any], authorization: str, run: str = ""
) -> Request:
    """Return the request of an operation. Only a query may be sent twice.

    :param variables: the variables; those that the document does not use are omitted.
    :param authorization: the value of the header.
    :param run: name of the operation to run, where the document has several.
    """
    used = {name: value for name, value in variables.items() if f"${name}" in document}
    return Request(
        operation=operation,
        method="POST",
        url=url,
        body={"query": document, "variables": used, **({"operationName": run} if run else {})},
        headers={"authorization": authorization},
        repeatable=operation != "roll_back",
    )


def read_answer(operation: str, response: Response, token: Secret) -> Answer:
    """Read an answer with any HTTP status.

    :raises MalformedAnswer: when it is not a GraphQL answer.
    """
    body = response.json(operation)
    data = body.get("data") if isinstance(body, Mapping) else None
    errors = body.get("errors") if isinstance(body, Mapping) else None
    if not isinstance(data or {}, Mapping) or not isinstance(errors or [], list) or not (data or errors):
        raise malformed(operation, f"(HTTP {response.status}) has neither data nor errors of GraphQL's form")
    return Answer(operation, data or {}, tuple(_read_error(error, token) for error in errors or ()))


def _read_error(error: object, token: Secret) -> GraphQLError:
    if not isinstance(error, Mapping):
        return GraphQLError(token.quote(error))
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    path = error.get("path")
    field = str(path[0]) if isinstance(path, list) and path else None
    return GraphQLError(
        token.quote(error.get("message") or "no message"),
        str(error.get("name") or code or ""),
        field,
        str(code or ""),
    )
