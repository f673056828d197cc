# SPDX-License-Identifier: Apache-2.0
"""The doctor's checks of each platform: the same cases for each, over one transport each.

``test_conformance.py`` shows that a flow gives the same over either transport.
"""

from __future__ import annotations

import pytest

from airflow_rollback_provider.domain.findings import CHECKS, Finding, Status, complete
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.talking import Talk, Talker

pytestmark = pytest.mark.parametrize(
    "talk", [("astro_private_cloud", "requests"), ("astro", "httpx")], ids="-".join, indirect=True
)
Sandbox = SandboxProcess
NETWORK = ("CONNECTION", "DNS", "TCP", "PROXY", "TLS")
OF_A_DEPLOYMENT = ("DEPLOYMENT", "MECHANISM", "HISTORY")


def findings_of(talking: Talker, deployment: str | None = None) -> dict[str, Finding]:
    """Return the findings by code; a check without a finding counts as unknown."""
    found = talking.run(talking.platform.diagnose(deployment))
    assert all(finding.what for finding in found)
    assert {finding.code for finding in found} <= set(CHECKS) - set(NETWORK)
    codes = [finding.code for finding in found if finding.code != "SCHEMA-OPERATION"]
    assert len(codes) == len(set(codes))
    name = talking.platform.capabilities.name
    whole = complete(found, name)
    return {item.code: item for item in whole if item.code not in (*NETWORK, "CLOCK")}


def identify(sandbox: Sandbox, key: str = "image-af3") -> str:
    """Return a Deployment's id."""
    return str(sandbox.deployment(key)["id"])


def test_all_is_well(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """There is neither error nor warning, and only what the platform does not report is unknown."""
    talking = talk()
    found = findings_of(talking, identify(rollback_sandbox))
    assert {item.status for item in found.values()} <= {Status.OK, Status.UNKNOWN, Status.SKIPPED}
    for code in ("API", "TOKEN", *OF_A_DEPLOYMENT):
        assert found[code].status is Status.OK, found[code]
    assert "Billing" in found["DEPLOYMENT"].what
    assert "image-based" in found["MECHANISM"].what
    assert "release-44" in found["HISTORY"].what
    capabilities = talking.platform.capabilities
    for codes, tells in (
        (("PERMISSION-IMAGE", "PERMISSION-DAGS"), capabilities.reports_access),
        (("INSTALLATION-FLAG", "DEPLOYMENT-TOGGLE"), capabilities.reports_switches),
    ):
        for code in codes:
            assert found[code].status is (Status.OK if tells else Status.UNKNOWN)
            assert ("Not reported by" in found[code].what) is not tells


def test_without_a_deployment_the_rest_is_checked(talk: Talk) -> None:
    """The checks of a Deployment are skipped, with the reason."""
    found = findings_of(talk())
    for code in OF_A_DEPLOYMENT:
        assert found[code].status is Status.SKIPPED
        assert "no Deployment was named" in found[code].what
    assert found["TOKEN"].status is Status.OK


def test_an_expired_token_is_an_error(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The checks that need the token are skipped; the others are done."""
    found = findings_of(talk("expired"), identify(rollback_sandbox))
    assert found["TOKEN"].status is Status.ERROR
    assert "expired" in found["TOKEN"].what
    assert "password" in found["TOKEN"].remedy
    assert found["API"].status is Status.OK
    for code in OF_A_DEPLOYMENT:
        assert (found[code].status, "token" in found[code].what) == (Status.SKIPPED, True)


def test_an_unknown_deployment_is_an_error(talk: Talk) -> None:
    """The checks that need it are skipped; the token is ok."""
    found = findings_of(talk(), "c" + "0" * 24)
    assert found["TOKEN"].status is Status.OK
    assert found["DEPLOYMENT"].status is Status.ERROR
    assert found["HISTORY"].status is Status.SKIPPED


@pytest.mark.parametrize("name", ["", "  ", "two words", "../x", "ä" * 300])
def test_an_invalid_name_is_an_error(talk: Talk, name: str) -> None:
    """This package or the platform refuses it."""
    assert findings_of(talk(), name)["DEPLOYMENT"].status is Status.ERROR


def test_a_missing_history_permission_is_an_error(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The finding names the permission."""
    talking = talk("no-history")
    found = findings_of(talking, identify(rollback_sandbox))
    assert found["HISTORY"].status is Status.ERROR
    assert str(talking.platform.capabilities.history_permission) in found["HISTORY"].what
    assert found["PERMISSION-HISTORY"].status is Status.ERROR


def test_a_token_of_another_workspace(talk: Talk, rollback_sandbox: Sandbox) -> None:
    """The token is ok, and the Deployment is the error."""
    found = findings_of(talk("other-workspace"), identify(rollback_sandbox))
    assert found["TOKEN"].status is Status.OK
    assert found["DEPLOYMENT"].status is Status.ERROR


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status", "body", "api_error"])
def test_a_failing_platform_is_one_error(talk: Talk, rollback_sandbox: Sandbox, kind: str) -> None:
    """Nothing can be read; the other checks are skipped."""
    deployment = identify(rollback_sandbox)
    rollback_sandbox.fault(kind, count=None)
    found = findings_of(talk().with_faults(), deployment)
    assert found["API"].status is Status.ERROR
    rest = [item for code, item in found.items() if code != "API"]
    assert {item.status for item in rest} == {Status.SKIPPED}
