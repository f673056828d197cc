# SPDX-License-Identifier: Apache-2.0
"""Every fault of the sandbox in every request of a rollback: a named end, never a second rollback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.faults.engine import FAULTS, STEPS, Case, cases, short_pauses
from tests.faults.expected import document, expected
from tests.support.generated import check_or_write
from tests.support.leaks import Evidence, listening

CASES = [case for platform in STEPS for case in cases(platform)]


@pytest.fixture(scope="module", autouse=True)
def _short_pauses() -> Iterator[None]:
    with short_pauses():
        yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("platform", "step", "fault", "times", "deferred"),
    CASES,
    ids=["-".join((*texts, "deferred" if d else "polling")).replace(" ", "_") for *texts, d in CASES],
)
def test_a_fault(
    rollback_sandbox_process: SandboxProcess,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    step: str,
    fault: str,
    times: str,
    deferred: bool,
) -> None:
    """The task has the expected end, the platform has the expected rollbacks, the next try succeeds, and
    no error, log or stored value contains the token."""
    rollback_sandbox_process.reset("empty")
    case = Case(rollback_sandbox_process, platform, step, fault, deferrable=deferred)
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", case.connection())
    case.inject(times)
    evidence = Evidence()
    with listening(evidence):
        result = case.observe(evidence)
    assert case.injected
    assert result == expected(platform, step, fault, times, deferred)
    assert evidence.holds("log", "Rollback plan for")  # the next try has come as far
    evidence.require_clean()


@pytest.mark.parametrize("platform", list(STEPS))
def test_every_request_of_a_rollback_is_in_the_matrix(
    rollback_sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """A new request of the package must be added to the matrix."""
    operations = set()
    for step in STEPS[platform]:
        for deferred in (False, True):
            rollback_sandbox_process.reset("empty")
            case = Case(rollback_sandbox_process, platform, step, "slow, in time", deferrable=deferred)
            monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", case.connection())
            assert case.attempt()[0] == "done"
            operations |= {request["operation"] for request in rollback_sandbox_process.requests()}
    assert operations == {step.operation for step in STEPS[platform].values()}


def test_every_kind_of_fault_is_in_the_matrix() -> None:
    """A new fault of the sandbox must be added to the matrix."""
    from airflow_rollback_provider.sandbox.faults import BODIES, KINDS

    assert {fault["kind"] for fault in FAULTS.values()} == set(KINDS)
    assert {fault["body"] for fault in FAULTS.values() if "body" in fault} == set(BODIES)


def test_the_documentation_shows_the_matrix() -> None:
    """The page is generated from the expectations of the cases above."""
    check_or_write("docs/faults.md", "fault matrix", document())
