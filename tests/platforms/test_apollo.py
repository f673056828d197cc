# SPDX-License-Identifier: Apache-2.0
"""Tests of the proof on real Apollo Servers, which Houston is one of: a mutation is validated and not run."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_rollback_provider.domain.deploys import Access
from airflow_rollback_provider.sandbox.graphql_schema import SCHEMA_FILE
from tests.support.talking import Talker, talker

FOLDER = Path(__file__).parents[1] / "apollo"
INSTALLED = shutil.which("node") is not None and (FOLDER / "node_modules").is_dir()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not INSTALLED, reason="Apollo Server is not installed: scripts/apollo installs it"),
]


@pytest.fixture(scope="module", params=["5", "3"])
def server(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A server of each generation; at its end no mutation ran."""
    command = ["node", str(FOLDER / "server.mjs"), request.param, str(SCHEMA_FILE)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    assert "a mutation ran" not in rest


@pytest.fixture(scope="module")
def address(server: subprocess.Popen[str]) -> str:
    """The server's address."""
    assert server.stdout is not None
    return server.stdout.readline().strip().rstrip("/")


def talk(address: str, **assumptions: object) -> Talker:
    """Return a talker to the server."""
    return talker(
        "requests", {"host": address, "password": "tok-3cr3t", "extra": {"assumptions": assumptions}}
    )


def proof(talking: Talker) -> Access:
    """Return what the server says to the rollback request."""
    return talking.run(cast("Any", talking.platform).prove(Access()))


def test_a_request_that_fits_the_schema_is_known(address: str) -> None:
    """The server validates both operations and runs the query alone."""
    assert proof(talk(address)) == Access()


@pytest.mark.parametrize(
    ("given", "words", "suggested"),
    [
        ({"deploy_fields": {"status": "statuss"}}, "statuss", '"status": "status"'),
        ({"scopes": {"dags": "DAG"}}, '"DAG" does not exist', '"dags": "DAGS"'),
        (
            {
                "roll_back": {
                    "document": "mutation ($scope: RollbackScope!, $description: String!) "
                    "{ rollBackDeployment(scope: $scope, description: $description) { id } }",
                    "path": "rollBackDeployment",
                }
            },
            '"rollBackDeployment" on type "Mutation"',
            '"path": "rollbackDeployment"',
        ),
    ],
)
def test_a_request_that_differs_is_refused_with_the_likely_name(
    address: str, given: dict[str, object], words: str, suggested: str
) -> None:
    """Introspection is off: the name is from the server's own suggestion."""
    (refusal,) = proof(talk(address, **given)).request_refusals
    assert words in refusal.reason
    assert suggested in refusal.remedy
