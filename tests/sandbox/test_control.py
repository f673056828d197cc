# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
import requests

from airflow_rollback_provider.sandbox.client import SandboxError
from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.settings import Settings
from airflow_rollback_provider.sandbox.state import Sandbox


def test_the_state_is_the_whole_world(rollback_sandbox: SandboxProcess) -> None:
    """Deployments by key with their rows, settings, faults and requests."""
    rollback_sandbox.fault("latency", "logs")
    state = rollback_sandbox.state()
    assert state["deployments"]["one-deploy"]["deploys"][0]["imageTag"] == "deploy-00000"
    assert len(state["deployments"]["ten-thousand"]["deploys"]) == 200
    assert (state["scenario"], state["faults"][0]["kind"], state["requests"]) == ("default", "latency", [])
    assert len(rollback_sandbox.deployment("ten-thousand", rows=3)["deploys"]) == 3


def test_deploys_can_land_and_change_and_vanish(rollback_sandbox: SandboxProcess) -> None:
    """Another user's deploy lands, gets its outcome later, and is removed."""
    row = rollback_sandbox.land_deploy("image-af3", tag="evil", runtime="3.3-2", seconds=None)
    assert (row["status"], row["imageTag"]) == ("INITIALIZED", "evil")
    assert rollback_sandbox.deployment("image-af3")["status"] == "DEPLOYING"
    ended = rollback_sandbox.change_deploy("image-af3", row["id"], outcome="FAILED", reason="no", seconds=0)
    assert (ended["status"], ended["statusReason"]) == ("FAILED", "no")
    rollback_sandbox.remove_deploy("image-af3", row["id"])
    assert rollback_sandbox.deployment("image-af3")["deploys"][0]["imageTag"] == "release-44"


def test_a_landed_deploy_runs_at_once(rollback_sandbox: SandboxProcess) -> None:
    """By default a landed deploy has succeeded and runs; an older one does not supersede it."""
    rollback_sandbox.land_deploy("image-af3", tag="latest", runtime="3.1-12")
    rollback_sandbox.land_deploy("image-af3", tag="older", age=3600)
    deployment = rollback_sandbox.deployment("image-af3")
    assert [row["imageTag"] for row in deployment["deploys"][:3]] == ["latest", "older", "release-44"]
    assert (deployment["deployInfo"]["current"], deployment["runtimeVersion"]) == ("latest", "3.1-12")


def test_a_deployment_can_be_added(rollback_sandbox: SandboxProcess) -> None:
    """A test defines exactly the history that it needs."""
    deploys = [{"age": 300, "tag": "d1"}, {"age": 200, "tag": "d2"}, {"age": 100, "rollback_to": 0}]
    made = rollback_sandbox.add_deployment("mine", mechanism="dag_deploy", runtime="13.2.0", deploys=deploys)
    assert [row["imageTag"] for row in made["deploys"]] == ["d1", "d2", "d1"]
    assert made["deploys"][0]["rollbackFromId"] == made["deploys"][2]["id"]
    assert (
        rollback_sandbox.change_deployment("mine", rollback_enabled=False)["deployRollbackEnabled"] is False
    )
    assert rollback_sandbox.deployment(made["id"])["key"] == "mine"


def test_the_clock_moves(rollback_sandbox: SandboxProcess) -> None:
    """Advancing, setting and freezing show in the platform's time."""
    assert rollback_sandbox.clock(set="2026-01-01T00:00:00Z", freeze=True) == {
        "now": "2026-01-01T00:00:00.000Z",
        "frozen": True,
        "date_offset": 0.0,
    }
    assert rollback_sandbox.clock(advance=90)["now"] == "2026-01-01T00:01:30.000Z"
    assert rollback_sandbox.clock(freeze=False)["frozen"] is False


def test_a_reset_leaves_nothing(rollback_sandbox: SandboxProcess) -> None:
    """Faults, settings, time, requests and Deployments are as at the start."""
    before = rollback_sandbox.state()
    rollback_sandbox.fault("status", count=None)
    rollback_sandbox.settings(version="1.0.0", next_rollbacks=[{"outcome": "FAILED"}])
    rollback_sandbox.add_deployment("mine")
    rollback_sandbox.clock(advance=-86_400)
    with pytest.raises(SandboxError, match="500"):
        rollback_sandbox.graphql("{ self { id } }")
    rollback_sandbox.reset()
    after = rollback_sandbox.state()
    assert after["settings"] == before["settings"]
    assert after["now"] > before["now"]
    assert (after["faults"], after["requests"]) == ([], [])
    assert list(after["deployments"]) == list(before["deployments"])


def test_a_seed_selects_an_installation() -> None:
    """It selects the same one each time, also after a reset; 0 is the one that is assumed."""
    sandbox = Sandbox("empty", seed=7)
    selected = sandbox.world.settings.as_dict()
    assert selected["renamed_fields"]
    sandbox.reset()
    assert sandbox.world.settings.as_dict() == selected
    sandbox.world.settings.update({"seed": 0})
    assert sandbox.world.settings == Settings()


def test_requests_and_faults_can_be_cleared(rollback_sandbox: SandboxProcess) -> None:
    """A test reads only its own part."""
    rollback_sandbox.fault("latency")
    rollback_sandbox.graphql("{ self { id } }", token="viewer")
    assert [item["fault"] for item in rollback_sandbox.requests()] == ["latency"]
    rollback_sandbox.clear_requests()
    rollback_sandbox.clear_faults()
    assert rollback_sandbox.requests() == rollback_sandbox.control("GET", "/faults") == []


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/settings", {"colour": "red"}, "Unknown setting 'colour'"),
        ("/settings", {"version": 2}, "takes a str"),
        ("/settings", {"next_rollbacks": [{"outcom": "FAILED"}]}, "fields deployment, outcome"),
        ("/clock", {"set": "yesterday"}, "Invalid isoformat"),
        ("/settings", {"next_rollbacks": [{"outcome": "LOST"}]}, "DEPLOYED or FAILED"),
        ("/clock", {"forward": 3}, "Unknown field 'forward'"),
        ("/deployments/image-af3/deploys", {"outcome": "LOST"}, "DEPLOYED or FAILED"),
        (
            "/faults",
            {"kind": "land_after", "deployment": "image-af3", "draft": {"x": 1}},
            "Unknown field 'x'",
        ),
        ("/faults", {"kind": "flood"}, "needs a kind"),
        ("/faults", {"kind": "body", "body": "x"}, "truncated"),
        ("/faults", {"kind": "land_after"}, "needs a deployment"),
        ("/faults", {"kind": "status", "often": 3}, "Unknown field 'often'"),
        ("/faults", {"kind": "land_after", "deployment": "none"}, "404 .*Deployment with id none"),
        ("/settings", {"history_shape": "page"}, "one of deploymentUuid, releaseName"),
        ("/reset", {"scenario": "nonsense"}, "no scenario"),
        ("/deployments", {}, "KeyError: 'key'"),
        ("/deployments", {"key": "x", "mechanism": "magic"}, "Unknown mechanism"),
        ("/deployments", {"key": "x", "deploys": [{"rollback_to": 5}]}, "IndexError"),
        ("/faults", ["latency"], "AttributeError"),
        ("/deployments", {"key": "x", "runtime": "new"}, "not a Runtime version"),
        ("/deployments", {"key": "x", "workspace": "none"}, "Unknown workspace"),
        ("/deployments", {"key": "x", "deploys": [{"tagg": "x"}]}, "Unknown field 'tagg'"),
        ("/deployments/none/deploys", {}, "404 .*Deployment with id none"),
        ("/deployments/image-af3/deploys/none", {}, "404 .*Deploy revision with id none"),
        ("/deployments/image-af3", {"label": "x"}, "only rollback_enabled"),
    ],
)
def test_an_invalid_control_call_is_refused(
    rollback_sandbox: SandboxProcess, path: str, body: dict[str, object], problem: str
) -> None:
    """A typing error in a test is reported at once."""
    with pytest.raises(SandboxError, match=problem):
        rollback_sandbox.control("POST", path, body)


def test_the_control_api_accepts_json_only(rollback_sandbox: SandboxProcess) -> None:
    """A form on a web page cannot post to it."""
    answer = requests.post(f"{rollback_sandbox.url}/__sandbox__/reset", data="{}", timeout=5)
    assert (answer.status_code, "application/json" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("platform", ["astro_private_cloud", "astro"])
def test_the_connection_is_ready_for_airflow(rollback_sandbox: SandboxProcess, platform: str) -> None:
    """As a dict, and as the text of an AIRFLOW_CONN_ variable; hosted Astro's has the organization."""
    organization = {"organization_id": rollback_sandbox.state()["organization"]["id"]}
    expected = {
        "conn_type": platform,
        "host": rollback_sandbox.url,
        "password": "sandbox-token-viewer",
        "extra": {"timeout": 3, **(organization if platform == "astro" else {})},
    }
    assert rollback_sandbox.connection("viewer", platform, timeout=3) == expected
    assert json.loads(rollback_sandbox.connection_json("viewer", platform, timeout=3)) == expected


def test_a_connection_to_another_platform_is_refused(rollback_sandbox: SandboxProcess) -> None:
    """The error names the known ones."""
    with pytest.raises(ValueError, match="known: astro_private_cloud, astro"):
        rollback_sandbox.connection(platform="astronomer")
