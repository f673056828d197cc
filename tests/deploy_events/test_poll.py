# SPDX-License-Identifier: Apache-2.0
"""Polls for deploys over both transports: number of requests, and no deploy is lost between pages."""

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


def poll(talker: Talker, deployment: str, cursor: Cursor | None = None, **kwargs: Any) -> PollResult:
    """Poll once."""
    subscription = Subscription(deployment, DeployFilter(), **kwargs)
    return talker.run(poll_deploys(talker.platform, subscription, cursor))


def tags(poll_result: PollResult) -> list[str | None]:
    """Image tags of the new deploys."""
    return [deploy.image_tag for deploy in poll_result.news]


def test_one_request_for_each_poll(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """The first poll takes two, each later one takes one; for a deploy that lands the history is read."""
    talker = talk()
    rollback_sandbox.clear_requests()
    begun = poll(talker, deployment_id)
    assert len(rollback_sandbox.requests()) == 2
    assert tags(poll(talker, deployment_id, begun.cursor)) == []
    assert len(rollback_sandbox.requests()) == 3
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert tags(poll(talker, deployment_id, begun.cursor)) == ["new"]
    assert len(rollback_sandbox.requests()) <= 6


def test_more_than_a_page(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """After a long pause every deploy is new, oldest first."""
    talker = talk()
    begun = poll(talker, deployment_id)
    landed = [f"t{number:03}" for number in range(130)]
    for tag in landed:
        rollback_sandbox.land_deploy(KEY, tag=tag)
    assert tags(poll(talker, deployment_id, begun.cursor)) == landed


def test_one_that_took_long(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """It is read with its own request after many others landed; a vanished deploy is dropped."""
    talker = talk()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    gone = rollback_sandbox.land_deploy(KEY, tag="gone", seconds=None)
    begun = poll(talker, deployment_id)
    assert begun.cursor.open == (slow["id"], gone["id"])
    for number in range(30):
        rollback_sandbox.land_deploy(KEY, tag=f"t{number}")
    busy = poll(talker, deployment_id, begun.cursor)
    assert len(busy.news) == 30
    rollback_sandbox.change_deploy(KEY, slow["id"], outcome="DEPLOYED", seconds=0)
    rollback_sandbox.remove_deploy(KEY, gone["id"])
    late = poll(talker, deployment_id, busy.cursor)
    assert tags(late) == ["slow"]
    assert late.cursor.open == ()


def end(sandbox: SandboxProcess, row: dict[str, Any]) -> None:
    """Let a deploy succeed that has been in progress."""
    sandbox.change_deploy(KEY, row["id"], outcome="DEPLOYED", seconds=0)


def test_many_that_never_end(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """Each poll reads the latest five with their own requests; the others wait for a later poll."""
    talker = talk()
    stuck = [rollback_sandbox.land_deploy(KEY, tag=f"s{number}", seconds=None) for number in range(30)]
    begun = poll(talker, deployment_id)
    for number in range(10):
        rollback_sandbox.land_deploy(KEY, tag=f"t{number}")
    result = poll(talker, deployment_id, begun.cursor)
    assert result.cursor.open == tuple(row["id"] for row in stuck[10:])
    reported = []
    for number in (12, 16, 25):
        end(rollback_sandbox, stuck[number])
    for _ in range(3):
        rollback_sandbox.clear_requests()
        result = poll(talker, deployment_id, result.cursor)
        assert len(rollback_sandbox.requests()) <= 8
        reported.append(tags(result))
        end(rollback_sandbox, stuck[18])
        end(rollback_sandbox, stuck[19])
    assert reported == [["s16", "s25"], ["s18", "s19"], ["s12"]]


def test_one_that_did_not_end_within_a_day(talk: Talk, rollback_sandbox: SandboxProcess) -> None:
    """It is read once more, and reported if it has landed; otherwise it is dropped."""
    two_days = 2 * 86_400
    drafts = [{"age": two_days, "tag": tag, "seconds": None} for tag in ("late", "never")]
    drafts += [{"age": 3000, "tag": f"t{number}"} for number in range(20)]
    rows = rollback_sandbox.add_deployment(KEY, deploys=drafts)
    latest, late, never = rows["deploys"][0], rows["deploys"][-1], rows["deploys"][-2]
    cursor = Cursor(rows["id"], latest["id"], datetime.fromisoformat(latest["createdAt"]))
    end(rollback_sandbox, late)
    left = Cursor(rows["id"], cursor.latest, cursor.since, (late["id"], never["id"]))
    result = poll(talk(), rows["id"], left)
    assert (tags(result), result.cursor) == (["late"], cursor)


def test_the_latest_deploy_vanishes(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """The platform deleted the latest deploy that was read: the others are not new again."""
    talker = talk()
    last = rollback_sandbox.land_deploy(KEY, tag="last")
    begun = poll(talker, deployment_id)
    rollback_sandbox.remove_deploy(KEY, last["id"])
    assert tags(poll(talker, deployment_id, begun.cursor)) == []
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert tags(poll(talker, deployment_id, begun.cursor)) == ["new"]


def test_a_release_name(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """The name is resolved once; the cursor contains the id."""
    workspace = rollback_sandbox.deployment(KEY)["workspace"]["id"]
    begun = poll(talk(workspace_id=workspace), "busy-bee-1")
    assert begun.cursor.deployment_id == deployment_id


def wait(
    talker: Talker, deployment: str, cursor: Cursor | None = None, **kwargs: Any
) -> tuple[WaitResult | None, Cursor]:
    """Poll once for the next deploy, as a sensor does."""
    return talker.run(
        wait_for_deploy(talker.platform, Subscription(deployment, DeployFilter(), **kwargs), cursor)
    )


def found(wait_result: WaitResult | None) -> tuple[str | None, Cursor | None]:
    """Image tag of the deploy that arrived, and the cursor after it."""
    assert wait_result is not None
    return wait_result.require().image_tag, wait_result.cursor


def test_below_the_deploy_that_is_named(
    talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """A deploy in progress is new when it lands, even if it was created before the named deploy."""
    talker = talk()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    rollback_sandbox.land_deploy(KEY, tag="quick", type="DAG_ONLY")
    named = rollback_sandbox.land_deploy(KEY, tag="named", type="DAG_ONLY")
    none, cursor = wait(talker, deployment_id, after=named["id"])
    assert none is None
    end(rollback_sandbox, slow)
    assert found(wait(talker, deployment_id, cursor)[0])[0] == "slow"


def test_a_chain(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """Each wait continues from the cursor of the one before; a deploy out of order is reported once."""
    talker = talk()
    start = (datetime.now(timezone.utc) - timedelta(seconds=60)).isoformat()
    slow = rollback_sandbox.land_deploy(KEY, tag="slow", seconds=None)
    for tag in ("one", "two"):
        rollback_sandbox.land_deploy(KEY, tag=tag)
    first, start_cursor = found(wait(talker, deployment_id, after=start)[0])
    end(rollback_sandbox, slow)  # between two polls
    reported: list[str | None] = [first]
    while (wait_result := wait(talker, deployment_id, start_cursor=start_cursor)[0]) is not None:
        later, start_cursor = found(wait_result)
        reported.append(later)
    assert reported == ["one", "slow", "two"]


def test_a_cursor_after_a_deleted_deploy(
    talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """The platform deletes deploys after some time; the wait continues from a cursor after such a deploy."""
    talker = talk()
    last = rollback_sandbox.land_deploy(KEY, tag="last")
    _, start_cursor = found(wait(talker, deployment_id, after="2020-01-01T00:00:00+00:00")[0])
    while (wait_result := wait(talker, deployment_id, start_cursor=start_cursor)[0]) is not None:
        _, start_cursor = found(wait_result)
    rollback_sandbox.remove_deploy(KEY, last["id"])
    assert wait(talker, deployment_id, start_cursor=start_cursor)[0] is None
    rollback_sandbox.land_deploy(KEY, tag="new")
    assert found(wait(talker, deployment_id, start_cursor=start_cursor)[0])[0] == "new"


def test_a_cursor_of_another_deployment(
    talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str
) -> None:
    """The user has named another Deployment since: the wait starts again in that one."""
    talker = talk()
    rollback_sandbox.add_deployment("other", deploys=[{"age": 9000, "tag": "other"}])
    other = Cursor(rollback_sandbox.deployment("other")["id"], None, datetime.now(timezone.utc))
    now = datetime.now(timezone.utc).isoformat()
    none, cursor = wait(talker, deployment_id, after=now, start_cursor=other)
    assert (none, cursor.deployment_id) == (None, deployment_id)


def test_a_start_that_is_not_found(talk: Talk, deployment_id: str) -> None:
    """The error names a possible reason: the platform has deleted the deploy."""
    with pytest.raises(DeployNotFound, match="deleted it, start after a time"):
        poll(talk(), deployment_id, after="c000000000000000000000000")
    with pytest.raises(DeploymentNotFound):
        poll(talk(), "c000000000000000000000000")


def test_what_was_rolled_back_from(talk: Talk, rollback_sandbox: SandboxProcess, deployment_id: str) -> None:
    """A deploy that brings it back has the reason, also when the rollback is pages before it."""
    talker = talk()
    bad = rollback_sandbox.land_deploy(KEY, tag="bad")
    back = rollback_sandbox.land_deploy(KEY, rollback_to=0, description="Orders fail")
    for number in range(120):
        rollback_sandbox.land_deploy(KEY, tag=f"t{number}")
    begun = poll(talker, deployment_id)
    again, good = (rollback_sandbox.land_deploy(KEY, tag=tag) for tag in ("bad", "good"))
    found = poll(talker, deployment_id, begun.cursor).rejections
    assert set(found) == {again["id"]}
    rejection = found[again["id"]]
    assert (rejection.rollback_id, rejection.reason) == (back["id"], "Orders fail")
    assert rejection.deploy_id == bad["id"]
    for deploy, expected in ((again, rejection), (good, None)):
        subscription = Subscription(deployment_id, DeployFilter(), deploy_id=deploy["id"])
        result, _ = talker.run(wait_for_deploy(talker.platform, subscription))
        assert result is not None
        assert result.rejection == expected
