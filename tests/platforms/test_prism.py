# SPDX-License-Identifier: Apache-2.0
"""Tests of the client with a mock server made from the platform's OpenAPI document, with validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus, Mechanism, Scope
from airflow_rollback_provider.domain.errors import (
    DeploymentNotFound,
    DeployNotFound,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    PlanRefused,
    PlatformFailed,
    RollbackError,
    TokenRefused,
)
from airflow_rollback_provider.http.messages import Flow
from tests.support.mock_server import missing, mock_server
from tests.support.openapi import operation
from tests.support.talking import DRIVERS, Talker, talker

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.timeout(600),  # the server may take long to start on a busy machine
]

T = TypeVar("T")
# The document's examples name this Deployment and this deploy.
DEPLOYMENT_ID, DEPLOY_ID = "clmh57jtm000008lb58fe2wmv", "clvetru2w000201mowqwua63n"
DEPLOYMENT = f"/v1/organizations/org1/deployments/{DEPLOYMENT_ID}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The mock server, for all tests of this module."""
    with mock_server(tmp_path_factory.mktemp("prism")) as address:
        yield address


@pytest.fixture(params=DRIVERS)
def talk(request: pytest.FixtureRequest, server: str) -> Talker:
    """A talker to it, over each transport."""
    values = {"conn_type": "astro", "host": server, "extra": {"organization_id": "org1"}}
    return talker(request.param, values).with_faults(tries=1)


VERBS: dict[str, tuple[str, str, Callable[[Talker], Flow[Any]]]] = {
    # method and path in the document, and the call here
    "deployment": ("GET", DEPLOYMENT, lambda talk: talk.platform.deployment(DEPLOYMENT_ID)),
    "by name": (
        "GET",
        "/v1/organizations/org1/deployments",
        lambda talk: talk.platform.deployment("My deployment"),
    ),
    "deploys": (
        "GET",
        f"{DEPLOYMENT}/deploys",
        lambda talk: talk.platform.deploys(DEPLOYMENT_ID, limit=1000),
    ),
    "deploy": (
        "GET",
        f"{DEPLOYMENT}/deploys/{DEPLOY_ID}",
        lambda talk: talk.platform.deploy(DEPLOYMENT_ID, DEPLOY_ID),
    ),
    "roll_back": ("POST", f"{DEPLOYMENT}/deploys/{DEPLOY_ID}/rollback", lambda talk: roll_back(talk, "why")),
    "check": ("GET", "/v1/organizations/org1/deployments", lambda talk: hosted(talk).check()),
}


def hosted(talk: Talker) -> Any:
    """Return the platform with the methods that hosted Astro alone has."""
    return talk.platform


def roll_back(talk: Talker, description: str) -> Flow[Deploy]:
    """Roll the example's Deployment back."""
    deployment = talk.run(talk.platform.deployment(DEPLOYMENT_ID))
    target = talk.run(talk.platform.deploy(DEPLOYMENT_ID, DEPLOY_ID))
    return talk.platform.roll_back(deployment, target, Scope.IMAGE_AND_DAGS, description)


def preferring(flow: Flow[T], preference: str) -> Flow[T]:
    """Request a certain kind of answer from the mock server."""
    try:
        request: Any = next(flow)
        while True:
            headers = {**request.headers, "prefer": preference}
            request = flow.send((yield replace(request, headers=headers)))
    except StopIteration as end:
        value: T = end.value
        return value


def test_the_examples_of_the_document_are_read(talk: Talker) -> None:
    """Every method reads the values of the answers."""
    survey = talk.run(talk.platform.survey(DEPLOYMENT_ID))
    assert survey.deployment.name == "My deployment"
    assert survey.deployment.namespace == "weightless-diameter-8927"
    assert survey.deployment.mechanism is Mechanism.DAG_DEPLOY
    assert str(survey.deployment.versions.runtime) == "9.1.0"
    (deploy,) = survey.page.deploys
    assert deploy.id == DEPLOY_ID
    assert deploy.status is DeployStatus.IN_PROGRESS
    assert deploy.created_by == "user1@company.com"
    assert deploy.git_commit == "abc123def456"
    assert deploy.rolled_back_to == "clvcz1lrq000101oitxtp276e"
    assert talk.run(VERBS["by name"][2](talk)) == survey.deployment
    assert talk.run(VERBS["deploys"][2](talk)).deploys == (deploy,)
    assert talk.run(VERBS["deploy"][2](talk)) == deploy
    assert talk.run(VERBS["roll_back"][2](talk)) == deploy
    assert "accepts the token" in talk.run(hosted(talk).check())


def test_the_search_for_a_namespace_fits_the_document(talk: Talker) -> None:
    """The list is requested without a filter, in the order of creation."""
    with pytest.raises(DeploymentNotFound):
        talk.run(talk.platform.deployment("no-such-namespace-1"))
    found = talk.run(talk.platform.deployment("weightless-diameter-8927"))
    assert found.id == DEPLOYMENT_ID


def test_the_next_page_fits_the_document(talk: Talker) -> None:
    """The mock server has no more rows: the position is lost, and no request was refused."""
    with pytest.raises(PlatformFailed, match="next page cannot be found"):
        talk.run(talk.platform.deploys(DEPLOYMENT_ID, "1000:some-other-deploy"))
    assert not talk.run(talk.platform.deploys(DEPLOYMENT_ID, f"1000:{DEPLOY_ID}")).deploys


@pytest.mark.parametrize("length", [500, 501])
def test_a_description_of_500_characters_and_no_longer_one_is_accepted(talk: Talker, length: int) -> None:
    """The server counts characters as the package does."""
    flow = roll_back(talk, "\N{ROCKET}" * length)
    if length == 500:
        assert talk.run(flow).id == DEPLOY_ID
        return
    with pytest.raises(AssertionError, match="too long"):  # checked against the document before it is sent
        talk.run(flow)
    with pytest.raises(PlanRefused, match="HTTP 400"):
        replace(talk, checked=False).run(roll_back(talk, "\N{ROCKET}" * length))


ERRORS: dict[str, dict[str, type[RollbackError]]] = {
    "400": {"roll_back": PlanRefused, "": NotFound},
    "401": {"": TokenRefused},
    "403": {"": PermissionMissing},
    "404": {"roll_back": DeployNotFound, "deploy": DeployNotFound, "": DeploymentNotFound},
    "500": {"roll_back": OutcomeUnknown, "": PlatformFailed},
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_error_of_the_document_has_its_name(talk: Talker, verb: str) -> None:
    """Each status of an operation in the document has an error, with the text of its example."""
    method, path, ask = VERBS[verb]
    described = operation(method, path)
    assert described is not None
    documented = set(described["responses"]) - {"200"}
    assert documented
    for status in sorted(documented):
        expected = ERRORS[status].get(verb, ERRORS[status][""])
        with pytest.raises(RollbackError, match=f"HTTP {status}, request string: string") as caught:
            talk.run(preferring(ask(talk), f"code={status}"))
        assert type(caught.value) is expected


# What made-up values rightly end with: a deploy of some other Deployment, another name, the oldest first.
MADE_UP = {
    "deploy": (DeployNotFound, "belongs to Deployment"),
    "by name": (DeploymentNotFound, "no Deployment with"),
    "deploys": (MalformedAnswer, "oldest deploy first"),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_answer_of_the_schema_is_read(talk: Talker, verb: str) -> None:
    """Answers are generated from the schema: omitted fields, any texts, unusual numbers."""
    kind, words = MADE_UP.get(verb, ((), ""))
    for _ in range(10):
        flow = VERBS[verb][2](talk)
        try:
            talk.run(preferring(flow, "dynamic=true"))
        except kind as error:
            if words not in str(error):
                raise
