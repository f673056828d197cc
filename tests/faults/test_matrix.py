# SPDX-License-Identifier: Apache-2.0
"""Every fault of the sandbox strikes every request of a rollback: a named end, never a second rollback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.faults.engine import FAULTS, STEPS, Case, cases, impatience
from tests.faults.expected import document, expected
from tests.support.generated import check_or_write
from tests.support.leaks import Evidence, listening

CASES = [case for platform in STEPS for case in cases(platform)]


@pytest.fixture(scope="module", autouse=True)
def _impatience() -> Iterator[None]:
    with impatience():
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
    """The task ends by the expected name, the platform has the expected rollbacks, the next try mends it, and
    the token is in nothing that either left behind."""
    rollback_sandbox_process.reset("empty")
    case = Case(rollback_sandbox_process, platform, step, fault, deferrable=deferred)
    monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", case.connection())
    case.strike(times)
    evidence = Evidence()
    with listening(evidence):
        seen = case.observe(evidence)
    assert case.struck
    assert seen == expected(platform, step, fault, times, deferred)
    assert evidence.holds("log", "Rollback plan for")  # the next try has come as far
    evidence.require_clean()


@pytest.mark.parametrize("platform", list(STEPS))
def test_every_request_of_a_rollback_is_struck(
    rollback_sandbox_process: SandboxProcess, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """A request that is added to the package is missing in the matrix until it is added there."""
    asked = set()
    for step in STEPS[platform]:
        for deferred in (False, True):
            rollback_sandbox_process.reset("empty")
            case = Case(rollback_sandbox_process, platform, step, "slow, in time", deferrable=deferred)
            monkeypatch.setenv("AIRFLOW_CONN_ASTRO_PRIVATE_CLOUD_DEFAULT", case.connection())
            assert case.attempt()[0] == "done"
            asked |= {request["operation"] for request in rollback_sandbox_process.requests()}
    assert asked == {step.operation for step in STEPS[platform].values()}


def test_every_kind_of_fault_strikes() -> None:
    """A fault that the sandbox learns is missing in the matrix until it is added there."""
    from airflow_rollback_provider.sandbox.faults import BODIES, KINDS

    assert {fault["kind"] for fault in FAULTS.values()} == set(KINDS)
    assert {fault["body"] for fault in FAULTS.values() if "body" in fault} == set(BODIES)


def test_the_documentation_shows_the_matrix() -> None:
    """The page is made from the expectations that the cases above are held to."""
    check_or_write("docs/faults.md", "fault matrix", document())
