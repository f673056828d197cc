# SPDX-License-Identifier: Apache-2.0
"""Looking out for deploys: how much is read, and that nothing is lost between pages; over both transports."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_rollback_provider.domain.errors import DeploymentNotFound, DeployNotFound
from airflow_rollback_provider.domain.landing import Bookmark, Sighting, Wanted
from airflow_rollback_provider.platforms.landing import Lookout, look_out
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.platforms.talking import Talk, Talker

KEY = "busy"


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with one deploy."""
    deploys = [{"age": 9000, "tag": "first"}]
    return str(rollback_sandbox.add_deployment(KEY, release="busy-bee-1", deploys=deploys)["id"])


def look(talker: Talker, deployment: str, bookmark: Bookmark | None = None, **kwargs: Any) -> Sighting:
    """Look once."""
    lookout = Lookout(deployment, Wanted(), **kwargs)
    return talker.run(look_out(talker.platform, lookout, bookmark))


def tags(sighting: Sighting) -> list[str | None]:
    """What is news, by image tag."""
    return [deploy.image_tag for deploy in sighting.news]


def test_a_look_takes_one_request(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """And two to begin with; also when something is news."""
    talker = talk()
    rollback_sandbox.clear_requests()
    begun = look(talker, deployment_id)
    assert len(rollback_sandbox.requests()) == 2
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert tags(look(talker, deployment_id, begun.bookmark)) == ["new"]
    assert len(rollback_sandbox.requests()) == 3


def test_more_than_a_page(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """After a long absence every deploy is news, oldest first."""
    talker = talk()
    begun = look(talker, deployment_id)
    wanted = [f"t{number:03}" for number in range(130)]
    for tag in wanted:
        rollback_sandbox.land_deploy(KEY, tag=tag)
    assert tags(look(talker, deployment_id, begun.bookmark)) == wanted


def test_one_that_took_long(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """It is asked for by itself when many others came after it; when it vanishes it is forgotten."""
    talker = talk()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    gone = rollback_sandbox.land_deploy(KEY, tag="gone", seconds=None)
    begun = look(talker, deployment_id)
    assert begun.bookmark.open == (slow["id"], gone["id"])
    for number in range(30):
        rollback_sandbox.land_deploy(KEY, tag=f"t{number}")
    busy = look(talker, deployment_id, begun.bookmark)
    assert len(busy.news) == 30
    rollback_sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
    rollback_sandbox.remove_deploy(KEY, gone["id"])
    late = look(talker, deployment_id, busy.bookmark)
    assert tags(late) == ["slow"]
    assert late.bookmark.open == ()


def test_the_newest_deploy_vanishes(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """The platform deleted what was read last: the rest is not news again."""
    talker = talk()
    last = rollback_sandbox.land_deploy(KEY, tag="last")
    begun = look(talker, deployment_id)
    rollback_sandbox.remove_deploy(KEY, last["id"])
    assert tags(look(talker, deployment_id, begun.bookmark)) == []
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert tags(look(talker, deployment_id, begun.bookmark)) == ["new"]


def test_a_release_name(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """It is looked up once; the bookmark holds the id."""
    workspace = rollback_sandbox.deployment(KEY)["workspace"]["id"]
    begun = look(talk(workspace_id=workspace), "busy-bee-1")
    assert begun.bookmark.deployment_id == deployment_id


def test_a_beginning_that_is_not_there(talk: Talk, deployment_id: str) -> None:
    """Nobody guesses where to begin."""
    with pytest.raises(DeployNotFound):
        look(talk(), deployment_id, after="c000000000000000000000000")
    with pytest.raises(DeploymentNotFound):
        look(talk(), "c000000000000000000000000")
