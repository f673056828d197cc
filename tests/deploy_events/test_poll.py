# SPDX-License-Identifier: Apache-2.0
"""Looking out for deploys: how much is read, and that nothing is lost between pages; over both transports."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_rollback_provider.deploy_events.poll import Subscription, poll_deploys, wait_for_deploy
from airflow_rollback_provider.deploy_events.subscription import Cursor, DeployFilter, PollResult, WaitResult
from airflow_rollback_provider.domain.errors import DeploymentNotFound, DeployNotFound
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.talking import Talk, Talker

KEY = "busy"


@pytest.fixture
def deployment_id(rollback_sandbox: SandboxProcess) -> str:
    """A Deployment with one deploy."""
    deploys = [{"age": 9000, "tag": "first"}]
    return str(rollback_sandbox.add_deployment(KEY, release="busy-bee-1", deploys=deploys)["id"])


def look(talker: Talker, deployment: str, cursor: Cursor | None = None, **kwargs: Any) -> PollResult:
    """Look once."""
    subscription = Subscription(deployment, DeployFilter(), **kwargs)
    return talker.run(poll_deploys(talker.platform, subscription, cursor))


def tags(poll_result: PollResult) -> list[str | None]:
    """What is news, by image tag."""
    return [deploy.image_tag for deploy in poll_result.news]


def test_a_look_takes_one_request(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """And two to begin with; also when something is news."""
    talker = talk()
    rollback_sandbox.clear_requests()
    begun = look(talker, deployment_id)
    assert len(rollback_sandbox.requests()) == 2
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert tags(look(talker, deployment_id, begun.cursor)) == ["new"]
    assert len(rollback_sandbox.requests()) == 3


def test_more_than_a_page(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """After a long absence every deploy is news, oldest first."""
    talker = talk()
    begun = look(talker, deployment_id)
    deploy_filter = [f"t{number:03}" for number in range(130)]
    for tag in deploy_filter:
        rollback_sandbox.land_deploy(KEY, tag=tag)
    assert tags(look(talker, deployment_id, begun.cursor)) == deploy_filter


def test_one_that_took_long(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """It is asked for by itself when many others came after it; when it vanishes it is forgotten."""
    talker = talk()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    gone = rollback_sandbox.land_deploy(KEY, tag="gone", seconds=None)
    begun = look(talker, deployment_id)
    assert begun.cursor.open == (slow["id"], gone["id"])
    for number in range(30):
        rollback_sandbox.land_deploy(KEY, tag=f"t{number}")
    busy = look(talker, deployment_id, begun.cursor)
    assert len(busy.news) == 30
    rollback_sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
    rollback_sandbox.remove_deploy(KEY, gone["id"])
    late = look(talker, deployment_id, busy.cursor)
    assert tags(late) == ["slow"]
    assert late.cursor.open == ()


def end(sandbox: SandboxProcess, row: dict[str, Any]) -> None:
    """Let a deploy succeed that has been in progress."""
    sandbox.change_deploy(KEY, row["id"], outcome="DEPLOYED", seconds=0)


def test_many_that_never_end(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """At a look five are asked for by themselves, the latest; the others wait until it is their turn."""
    talker = talk()
    stuck = [rollback_sandbox.land_deploy(KEY, tag=f"s{number}", seconds=None) for number in range(30)]
    begun = look(talker, deployment_id)
    for number in range(10):
        rollback_sandbox.land_deploy(KEY, tag=f"t{number}")
    seen = look(talker, deployment_id, begun.cursor)
    assert seen.cursor.open == tuple(row["id"] for row in stuck[10:])
    told = []
    for number in (12, 16, 25):
        end(rollback_sandbox, stuck[number])
    for _ in range(3):
        rollback_sandbox.clear_requests()
        seen = look(talker, deployment_id, seen.cursor)
        assert len(rollback_sandbox.requests()) <= 6
        told.append(tags(seen))
        end(rollback_sandbox, stuck[18])
        end(rollback_sandbox, stuck[19])
    assert told == [["s16", "s25"], ["s18", "s19"], ["s12"]]


def test_one_that_did_not_end_within_a_day(talk: Talk, rollback_sandbox: SandboxProcess) -> None:
    """It is asked for once more, and told if it has landed by then; otherwise it is forgotten."""
    two_days = 2 * 86_400
    drafts = [{"age": two_days, "tag": tag, "seconds": None} for tag in ("late", "never")]
    drafts += [{"age": 3000, "tag": f"t{number}"} for number in range(20)]
    rows = rollback_sandbox.add_deployment(KEY, deploys=drafts)
    latest, late, never = rows["deploys"][0], rows["deploys"][-1], rows["deploys"][-2]
    cursor = Cursor(rows["id"], latest["id"], datetime.fromisoformat(latest["createdAt"]))
    end(rollback_sandbox, late)
    left = Cursor(rows["id"], cursor.latest, cursor.since, (late["id"], never["id"]))
    seen = look(talk(), rows["id"], left)
    assert (tags(seen), seen.cursor) == (["late"], cursor)


def test_the_newest_deploy_vanishes(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """The platform deleted what was read last: the rest is not news again."""
    talker = talk()
    last = rollback_sandbox.land_deploy(KEY, tag="last")
    begun = look(talker, deployment_id)
    rollback_sandbox.remove_deploy(KEY, last["id"])
    assert tags(look(talker, deployment_id, begun.cursor)) == []
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert tags(look(talker, deployment_id, begun.cursor)) == ["new"]


def test_a_release_name(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """It is looked up once; the cursor holds the id."""
    workspace = rollback_sandbox.deployment(KEY)["workspace"]["id"]
    begun = look(talk(workspace_id=workspace), "busy-bee-1")
    assert begun.cursor.deployment_id == deployment_id


def wait(
    talker: Talker, deployment: str, cursor: Cursor | None = None, **kwargs: Any
) -> tuple[WaitResult | None, Cursor]:
    """Look once for the next deploy, as a sensor does."""
    return talker.run(
        wait_for_deploy(talker.platform, Subscription(deployment, DeployFilter(), **kwargs), cursor)
    )


def found(wait_result: WaitResult | None) -> tuple[str | None, Cursor | None]:
    """What has come, by image tag, and where to go on behind it."""
    assert wait_result is not None
    return wait_result.require().image_tag, wait_result.cursor


def test_below_the_deploy_that_is_named(
    talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """What is on its way there is news when it lands, though it was made earlier."""
    talker = talk()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    rollback_sandbox.land_deploy(KEY, tag="quick", type="DAG_ONLY")
    named = rollback_sandbox.land_deploy(KEY, tag="named", type="DAG_ONLY")
    none, cursor = wait(talker, deployment_id, after=named["id"])
    assert none is None
    end(rollback_sandbox, slow)
    assert found(wait(talker, deployment_id, cursor)[0])[0] == "slow"


def test_a_chain(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """Each goes on where the one before left off: whatever lands out of order is told, and once."""
    talker = talk()
    start = (datetime.now(timezone.utc) - timedelta(seconds=60)).isoformat()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    for tag in ("one", "two"):
        rollback_sandbox.land_deploy(KEY, tag=tag)
    first, left_off = found(wait(talker, deployment_id, after=start)[0])
    end(rollback_sandbox, slow)  # between two links nobody looks
    told = [first]
    while (wait_result := wait(talker, deployment_id, left_off=left_off)[0]) is not None:
        tag, left_off = found(wait_result)
        told.append(tag)
    assert told == ["one", "slow", "two"]


def test_a_chain_whose_deploy_has_vanished(
    talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """The platform keeps a deploy for some time only; who left off behind it goes on all the same."""
    talker = talk()
    last = rollback_sandbox.land_deploy(KEY, tag="last")
    _, left_off = found(wait(talker, deployment_id, after="2020-01-01T00:00:00+00:00")[0])
    while (wait_result := wait(talker, deployment_id, left_off=left_off)[0]) is not None:
        _, left_off = found(wait_result)
    rollback_sandbox.remove_deploy(KEY, last["id"])
    assert wait(talker, deployment_id, left_off=left_off)[0] is None
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert found(wait(talker, deployment_id, left_off=left_off)[0])[0] == "new"


def test_a_cursor_of_another_deployment(
    talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """A person named another one in the meantime: it begins anew, in that one."""
    talker = talk()
    rollback_sandbox.add_deployment("other", deploys=[{"age": 9000, "tag": "other"}])
    other = Cursor(rollback_sandbox.deployment("other")["id"], None, datetime.now(timezone.utc))
    none, cursor = wait(talker, deployment_id, after=datetime.now(timezone.utc).isoformat(), left_off=other)
    assert (none, cursor.deployment_id) == (None, deployment_id)


def test_a_beginning_that_is_not_there(talk: Talk, deployment_id: str) -> None:
    """Nobody guesses where to begin; that the platform has deleted it may be the reason."""
    with pytest.raises(DeployNotFound, match="deleted it by now, begin after a time"):
        look(talk(), deployment_id, after="c000000000000000000000000")
    with pytest.raises(DeploymentNotFound):
        look(talk(), "c000000000000000000000000")
