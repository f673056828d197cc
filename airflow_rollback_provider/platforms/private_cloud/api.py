# SPDX-License-Identifier: Apache-2.0
"""Requests to Astro Private Cloud's API: the document that fits, the answer, the errors."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import MalformedAnswer, RollbackError, UnknownField
from airflow_rollback_provider.platforms.base import LOOKS_LIKE_ID
from airflow_rollback_provider.platforms.private_cloud.errors import (
    error_of_answer,
    error_of_status,
    error_without_body,
    unknown_field,
)
from airflow_rollback_provider.platforms.private_cloud.graphql import Answer, malformed, post, read_answer
from airflow_rollback_provider.platforms.private_cloud.installation import installation_at
from airflow_rollback_provider.platforms.private_cloud.mapping import Row
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Request, Response
    from airflow_rollback_provider.http.secret import Secret
    from airflow_rollback_provider.platforms.private_cloud.assumptions import Assumptions

ApiFlow = Generator["Request", "Response", tuple[Answer, "Response"]]


NAME = "Astro Private Cloud"
HOW_TO_USE_RELEASE_NAMES = (
    " To name a Deployment by its release name, put the id of its workspace in the connection's field "
    "Workspace ID."
)


class Api:
    """Astro Private Cloud's API at one address.

    :param endpoint: address of the GraphQL endpoint.
    :param scheme: prefix of the token in the header. Default: none.
    """

    def __init__(self, endpoint: str, token: Secret, assumptions: Assumptions, scheme: str = "") -> None:
        self.endpoint = endpoint
        self.token = token
        self.scheme = scheme
        self._assumptions = assumptions
        self.installation = installation_at(endpoint, assumptions)

    def with_scheme(self, scheme: str) -> Api:
        """Return the API with another prefix of the token."""
        return Api(self.endpoint, self.token, self._assumptions, scheme)

    def send(self, context: RequestContext, variables: Mapping[str, Any], first: int = 0) -> ApiFlow:
        """Send the document of an operation that fits the installation's schema.

        A read that the installation refuses is adapted and sent again, see :class:`Installation`.

        :param first: number of the latest document that the installation's version can have.
        :raises UnknownField: when none fits.
        """
        name = context.operation
        if name == "roll_back":
            rollback = self._assumptions.operation(name).documents[0]
            return (yield from self.send_document(context, rollback, variables))
        error = UnknownField(self.installation.refusals.get(name) or _not_known(context))
        sent, learned = "", False
        # Another thread may learn what this one is refused for: a document that differs is sent.
        while (document := self.installation.document(name, first)) not in (None, sent):
            if learned and not self.installation.may_adapt(name):
                break
            sent = str(document)
            try:
                return (yield from self.send_document(context, sent, variables))
            except UnknownField as refusal:
                error = refusal
            needed = self.installation.needed(name, sent, error.texts)
            if needed is not None:
                error.args = unknown_field(needed, self._to_set(context), self._assumptions).args
            learned = yield from self._adapt(name, sent, error)
        self.installation.refusals[name] = str(error)
        raise error

    def _to_set(self, context: RequestContext) -> RequestContext:
        """Return the context whose setting corrects a refusal: that of deploys serves both histories."""
        if context.operation != "survey_history" or "survey_history" in self._assumptions.replaced:
            return context
        return replace(context, operation="deploys")

    def _adapt(
        self, operation: str, document: str, refusal: UnknownField
    ) -> Generator[Request, Response, bool]:
        """Adapt the reads to a refusal, and return whether anything changed."""
        changed = False
        if self.installation.wants_schema(operation, refusal.texts):
            self.installation.may_adapt(operation)
            changed = yield from self._settle()
        return self.installation.learn(operation, document, refusal.texts) or changed

    def _settle(self) -> Generator[Request, Response, bool]:
        """Look up the names of a deploy's fields in the schema, and return whether anything changed."""
        from airflow_rollback_provider.platforms.private_cloud.schema_comparison import (
            NoSchema,
            read_schema,
            similar_fields,
        )

        self.installation.schema_was_read = True
        try:
            answer = yield from self.introspect()
            names = similar_fields(read_schema(answer.data), self._assumptions)
        except NoSchema:
            return False
        except RollbackError as error:
            self.installation.schema_was_read = not error.retryable
            if error.retryable:
                raise
            return False
        self.installation.settle(names)
        return bool(names)

    def send_document(self, context: RequestContext, document: str, variables: Mapping[str, Any]) -> ApiFlow:
        """Send one document.

        :raises UnknownField: when it does not fit the installation's schema.
        """
        response = yield self.request(context.operation, document, variables)
        if (problem := error_of_status(response, context)) is not None:
            raise problem
        try:
            answer = read_answer(context.operation, response, self.token)
        except MalformedAnswer:
            if response.status < 300:
                raise
            raise error_without_body(response, context) from None
        if answer.errors and not self._usable(answer):
            problem = error_of_answer(answer, context, self._assumptions)
            if isinstance(problem, UnknownField):
                problem.texts = tuple(error.message for error in answer.errors)
            raise problem
        return answer, response

    def introspect(self) -> Generator[Request, Response, Answer]:
        """Read the schema, without descriptions, which are most of its bytes.

        An installation may refuse introspection: the answer then has errors.

        :raises MalformedAnswer: when the answer is not GraphQL, or contains the token: findings show names.
        """
        from graphql import get_introspection_query

        query = get_introspection_query(descriptions=False)
        response = yield self.request("introspection", query, {})
        answer = read_answer("introspection", response, self.token)
        if self.token.reveal() in str(answer.data):
            raise malformed("introspection", "contains the token")
        return answer

    def request(self, operation: str, document: str, variables: Mapping[str, Any], run: str = "") -> Request:
        """Return a request with the token.

        :param run: name of the operation to run, where the document has several.
        """
        header = f"{self.scheme}{self.token.reveal()}"
        return post(self.endpoint, operation, document, variables, header, run)

    def _usable(self, answer: Answer) -> bool:
        """Whether an answer with errors has the main result: a started rollback or a history."""
        if answer.operation not in ("roll_back", "survey_history"):
            return False
        return self.optional(answer, "result") is not None

    def result(self, answer: Answer) -> Any:
        """Return the main result of an operation; null is None.

        :raises MalformedAnswer: when the answer does not have its field.
        """
        return answer.find(self._path(answer, "result"))

    def optional(self, answer: Answer, name: str) -> Any:
        """Return a value that may be missing, because not every document requests it."""
        return Row(answer.operation, answer.data).find(self._path(answer, name))

    def rows(self, answer: Answer) -> list[Any]:
        rows = self.result(answer)
        if not isinstance(rows, list):
            raise malformed(answer.operation, f"has {type(rows).__name__} instead of a list")
        return rows

    def _path(self, answer: Answer, name: str) -> str | None:
        return self._assumptions.operation(answer.operation).paths.get(name)


def _not_known(context: RequestContext) -> str:
    return (
        f"This installation's API does not know the request to {context.description}, as an earlier request "
        f"showed. Set the names in the connection's field assumptions, under {context.operation!r}."
    )


def context_of(operation: str, deployment_id: str) -> RequestContext:
    """Return the context of a request for a Deployment, with a hint for names that are not ids."""
    hint = "" if LOOKS_LIKE_ID.fullmatch(deployment_id) else HOW_TO_USE_RELEASE_NAMES
    return RequestContext(operation, subject=f"Deployment {deployment_id}", hint=hint)
