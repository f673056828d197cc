# SPDX-License-Identifier: Apache-2.0
"""Requests to Astro Private Cloud's API: the document that fits, the answer, the errors."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import MalformedAnswer, UnknownField
from airflow_rollback_provider.platforms.private_cloud.errors import (
    error_of_answer,
    error_of_status,
    error_without_body,
)
from airflow_rollback_provider.platforms.private_cloud.graphql import Answer, malformed, post, read_answer
from airflow_rollback_provider.platforms.private_cloud.mapping import Row
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Request, Response
    from airflow_rollback_provider.http.secret import Secret
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions

ApiFlow = Generator["Request", "Response", tuple[Answer, "Response"]]


NAME = "Astro Private Cloud"
# The platform's ids: 25 characters from a to z and 0 to 9, or a UUID. Release names have words with hyphens.
LOOKS_LIKE_ID = re.compile(r"[a-z0-9]{20,40}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
HOW_TO_USE_RELEASE_NAMES = (
    " To name a Deployment by its release name, put the id of its workspace in the connection's field "
    "Workspace ID."
)


class Api:
    """Astro Private Cloud's API at one address.

    :param endpoint: address of the GraphQL endpoint.
    :param token: the raw token.
    :param assumptions: the assumptions about the API.
    :param scheme: prefix of the token in the header. Default: none.
    """

    def __init__(self, endpoint: str, token: Secret, assumptions: Assumptions, scheme: str = "") -> None:
        self._endpoint = endpoint
        self._token = token
        self._scheme = scheme
        self._assumptions = assumptions
        # By operation: the number of the document that fits this installation.
        self._fitting: dict[str, int] = {}

    @property
    def endpoint(self) -> str:
        """The address of the GraphQL endpoint."""
        return self._endpoint

    @property
    def token(self) -> Secret:
        """The token."""
        return self._token

    @property
    def scheme(self) -> str:
        """The prefix of the token in the header."""
        return self._scheme

    def with_scheme(self, scheme: str) -> Api:
        """Return the API with another prefix of the token."""
        return Api(self._endpoint, self._token, self._assumptions, scheme)

    def send(self, context: RequestContext, variables: Mapping[str, Any], first: int = 0) -> ApiFlow:
        """Send the latest document of an operation that fits the installation's schema.

        Later requests begin with the same document.

        :param first: number of the latest document that the installation's version can have.
        :raises UnknownField: when none of them fits.
        """
        documents = self._assumptions.operation(context.operation).documents
        refusal: UnknownField | None = None
        first = min(max(first, self._fitting.get(context.operation, 0)), len(documents) - 1)
        for number in range(first, len(documents)):
            try:
                found = yield from self.send_document(context, documents[number], variables)
            except UnknownField as error:
                refusal = refusal or error
                continue
            self._fitting[context.operation] = number
            return found
        assert refusal is not None  # noqa: S101 - an operation has at least one document
        raise refusal

    def send_document(self, context: RequestContext, document: str, variables: Mapping[str, Any]) -> ApiFlow:
        """Send one document.

        :raises UnknownField: when it does not fit the installation's schema.
        """
        response = yield self.request(context.operation, document, variables)
        if (problem := error_of_status(response, context)) is not None:
            raise problem
        try:
            answer = read_answer(context.operation, response, self._token)
        except MalformedAnswer:
            if response.status < 300:
                raise
            raise error_without_body(response, context) from None
        if answer.errors and not self._usable(answer):
            raise error_of_answer(answer, context, self._assumptions)
        return answer, response

    def introspect(self) -> Generator[Request, Response, Answer]:
        """Read the schema, without descriptions, which are most of its bytes.

        An installation may refuse introspection: the answer then has errors.

        :raises MalformedAnswer: when the answer is not GraphQL, or contains the token: findings show names.
        """
        from graphql import get_introspection_query

        query = get_introspection_query(descriptions=False)
        response = yield self.request("introspection", query, {})
        answer = read_answer("introspection", response, self._token)
        if self._token.reveal() in str(answer.data):
            raise malformed("introspection", "contains the token")
        return answer

    def request(self, operation: str, document: str, variables: Mapping[str, Any], run: str = "") -> Request:
        """Return a request with the token.

        :param run: name of the operation to run, where the document has several.
        """
        header = f"{self._scheme}{self._token.reveal()}"
        return post(self._endpoint, operation, document, variables, header, run)

    def _usable(self, answer: Answer) -> bool:
        """Whether an answer with errors has the main result: a started rollback or a history."""
        if answer.operation not in ("roll_back", "survey_history"):
            return False
        return self.optional(answer, "result") is not None

    def result(self, answer: Answer, name: str = "result") -> Any:
        """Return a value of an operation; null is None.

        :raises MalformedAnswer: when the answer does not have its field.
        """
        return answer.find(self._path(answer, name))

    def optional(self, answer: Answer, name: str) -> Any:
        """Return a value that may be missing, because not every document requests it."""
        return Row(answer.operation, answer.data).find(self._path(answer, name))

    def rows(self, answer: Answer) -> list[Any]:
        """Return the main result of an operation as a list."""
        rows = self.result(answer)
        if not isinstance(rows, list):
            raise malformed(answer.operation, f"has {type(rows).__name__} instead of a list")
        return rows

    def _path(self, answer: Answer, name: str) -> str | None:
        return self._assumptions.operation(answer.operation).paths.get(name)


def context_of(operation: str, deployment_id: str) -> RequestContext:
    """Return the context of a request for a Deployment, with a hint for names that are not ids."""
    hint = "" if LOOKS_LIKE_ID.fullmatch(deployment_id) else HOW_TO_USE_RELEASE_NAMES
    return RequestContext(operation, subject=f"Deployment {deployment_id}", hint=hint)
