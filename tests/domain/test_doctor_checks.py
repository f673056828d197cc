# SPDX-License-Identifier: Apache-2.0
"""Tests of the doctor's checks of a platform's data."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_rollback_provider.domain import doctor_checks
from airflow_rollback_provider.domain.deploys import Capabilities, Deployment, DeployStatus, Mechanism
from airflow_rollback_provider.domain.errors import PlatformFailed, TokenExpired, TokenRefused
from airflow_rollback_provider.domain.findings import Finding, Status
from tests.support.builders import deploy

IMAGE, DAGS, HISTORY = "x.image", "x.dags", "x.history"
CAPABILITIES = Capabilities(
    "Some platform", permissions={"image": IMAGE, "dags": DAGS}, history_permission=HISTORY
)
ALL = (HISTORY, IMAGE, DAGS)


def deployment(mechanism: Mechanism = Mechanism.IMAGE) -> Deployment:
    """Return a Deployment."""
    return Deployment("c1", "Billing", "release-1", mechanism)


def permissions(granted: tuple[str, ...] | None, mechanism: Mechanism | None = None) -> dict[str, Finding]:
    """Return the findings on permissions by code."""
    where = None if mechanism is None else deployment(mechanism)
    return {item.code: item for item in doctor_checks.of_permissions(granted, CAPABILITIES, where)}


@pytest.mark.parametrize(
    ("granted", "mechanism", "history", "image", "dags"),
    [
        (ALL, None, "ok", "ok", "ok"),
        (tuple(f"system.{name}" for name in ALL), None, "ok", "ok", "ok"),
        ((IMAGE, DAGS), None, "error", "ok", "ok"),
        ((HISTORY, IMAGE), None, "ok", "ok", "warning"),
        ((HISTORY, DAGS), None, "ok", "warning", "ok"),
        ((HISTORY,), None, "ok", "error", "error"),
        ((), None, "error", "error", "error"),
        ((HISTORY, IMAGE), Mechanism.IMAGE, "ok", "ok", "ok"),
        ((HISTORY, IMAGE), Mechanism.GIT_SYNC, "ok", "ok", "ok"),
        ((HISTORY, IMAGE), Mechanism.DAG_DEPLOY, "ok", "ok", "warning"),
        ((HISTORY, DAGS), Mechanism.DAG_DEPLOY, "ok", "warning", "ok"),
        ((HISTORY, DAGS), Mechanism.IMAGE, "ok", "error", "ok"),
        (None, None, "unknown", "unknown", "unknown"),
        (None, Mechanism.IMAGE, "unknown", "unknown", "unknown"),
    ],
)
def test_permissions_are_checked_by_the_default_scope(
    granted: tuple[str, ...] | None, mechanism: Mechanism | None, history: str, image: str, dags: str
) -> None:
    """A permission that the Deployment's mechanism does not need may be missing."""
    found = permissions(granted, mechanism)
    told = [found[f"PERMISSION-{part}"].status.value for part in ("HISTORY", "IMAGE", "DAGS")]
    assert told == [history, image, dags]
    for finding in found.values():
        assert bool(finding.remedy) is (finding.status in (Status.ERROR, Status.WARNING))


def test_a_permission_that_is_missing_is_named() -> None:
    """Each is named, and both if no rollback is possible."""
    assert HISTORY in permissions((IMAGE,))["PERMISSION-HISTORY"].what
    assert f"{IMAGE} or {DAGS}: it cannot roll back anything" in permissions(())["PERMISSION-IMAGE"].what
    assert DAGS in permissions((HISTORY, IMAGE))["PERMISSION-DAGS"].what
    assert IMAGE in permissions(None)["PERMISSION-IMAGE"].what


@pytest.mark.parametrize(
    ("mechanism", "status"),
    [
        (Mechanism.IMAGE, "ok"),
        (Mechanism.DAG_DEPLOY, "ok"),
        (Mechanism.GIT_SYNC, "ok"),
        (Mechanism.VOLUME, "error"),
        (Mechanism.UNKNOWN, "unknown"),
    ],
)
def test_a_mechanism_that_cannot_be_rolled_back_is_an_error(mechanism: Mechanism, status: str) -> None:
    """NFS volumes are an error; a missing mechanism is unknown."""
    assert doctor_checks.of_mechanism(deployment(mechanism)).status.value == status


@pytest.mark.parametrize(("enabled", "status"), [(True, "ok"), (False, "error"), (None, "unknown")])
def test_switches(enabled: bool | None, status: str) -> None:
    """On, off or unknown, for the installation and the Deployment; off has a remedy."""
    installation = doctor_checks.of_installation(enabled, "global.some.flag")
    toggle = doctor_checks.of_toggle(enabled, deployment())
    assert installation.status.value == toggle.status.value == status
    if enabled is False:
        assert "global.some.flag" in installation.remedy
        assert "settings" in toggle.remedy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TokenExpired("It says so."), "has expired"),
        (TokenRefused("It says so."), "does not accept the token"),
        (PlatformFailed("It failed."), "It failed."),
    ],
)
def test_a_token_that_is_not_accepted(
    error: TokenExpired | TokenRefused | PlatformFailed, words: str
) -> None:
    """Expired and refused tokens have different findings, both with a remedy."""
    found = doctor_checks.of_refused_token(error)
    assert (found.code, found.status) == ("TOKEN", Status.ERROR)
    assert words in found.what
    assert isinstance(error, PlatformFailed) or "password" in found.remedy


def test_history() -> None:
    """The finding names the latest deploy that succeeded; a history without one is no error."""
    failed = deploy("d3", status=DeployStatus.FAILED)
    found = doctor_checks.of_history([failed, deploy("d2", image_tag="two"), deploy("d1")])
    assert "3 deploy(s)" in found.what
    assert "d2 (two) runs now" in found.what
    empty = doctor_checks.of_history([failed])
    assert (empty.status, "nothing to roll back to" in empty.what) == (Status.OK, True)


@pytest.mark.parametrize(
    ("seconds", "status", "words"),
    [
        (0, "ok", "agrees"),
        (60, "ok", "agrees"),
        (-60, "ok", "agrees"),
        (61, "warning", "61 s ahead of"),
        (-3600, "warning", "3,600 s behind"),
        (None, "unknown", "does not report"),
    ],
)
def test_the_clock(seconds: int | None, status: str, words: str) -> None:
    """A larger difference than tolerated is a warning, with its direction."""
    skew = None if seconds is None else timedelta(seconds=seconds)
    found = doctor_checks.of_clock(skew, timedelta(seconds=60))
    assert (found.status.value, words in found.what) == (status, True)
