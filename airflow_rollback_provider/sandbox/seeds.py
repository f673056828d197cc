# SPDX-License-Identifier: Apache-2.0
"""The Deployments of the default scenario.

Times are relative to the start of the sandbox; ids depend only on the Deployment's key and the row's number.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_rollback_provider.sandbox import histories
from airflow_rollback_provider.sandbox.factories import RowMaker, from_drafts, many_rows


@dataclass(frozen=True)
class Case:
    """One seeded Deployment."""

    key: str
    label: str
    release: str
    mechanism: str
    runtime: str
    rows: RowMaker
    workspace: str = "data-platform"
    rollback_enabled: bool = True


def _cases() -> list[Case]:
    return [
        *_usual_cases(),
        Case(
            "moved-to-af3",
            "Moved to Airflow 3",
            "lunar-orbit-1203",
            "dag_deploy",
            "12.1.0",
            from_drafts(histories.moved),
        ),
        Case(
            "runtime-3-0",
            "Early Airflow 3",
            "eager-comet-3004",
            "image",
            "12.7.1",
            from_drafts(histories.in_3_0),
        ),
        Case("legacy-af2", "Legacy", "ancient-quasar-0500", "image", "4.2.8", from_drafts(histories.legacy)),
        Case(
            "after-rollback",
            "Rolled back",
            "humble-moon-2121",
            "image",
            "3.1-12",
            from_drafts(histories.after_rollback),
        ),
        Case("one-deploy", "One deploy", "lonely-star-0001", "image", "3.1-12", from_drafts(histories.one)),
        Case("no-deploys", "No deploys", "empty-void-0000", "image", "3.1-12", from_drafts(list)),
        Case(
            "only-failures",
            "Only failures",
            "broken-rocket-4040",
            "image",
            "3.1-12",
            from_drafts(histories.failures),
        ),
        Case("dormant", "Dormant", "sleepy-planet-0120", "image", "12.7.1", from_drafts(histories.dormant)),
        Case(
            "ten-thousand", "Ten thousand deploys", "busy-galaxy-9999", "image", "3.1-12", many_rows(10_000)
        ),
        Case(
            "rollback-disabled",
            "Rollbacks disabled",
            "locked-gate-0403",
            "image",
            "3.1-12",
            histories.long("rollback-disabled", "image", "3.1-8", "3.1-12"),
            rollback_enabled=False,
        ),
        Case(
            "other-workspace",
            "Marketing",
            "distant-shore-7070",
            "image",
            "3.1-8",
            histories.long("other-workspace", "image", "3.1-8", "3.1-12"),
            workspace="analytics",
        ),
    ]


def _usual_cases() -> list[Case]:
    """Return each mechanism on Airflow 2 and on Airflow 3."""
    three, two = ("3.1-2", "3.1-8", "3.1-12", "3.3-2"), ("11.14.0", "12.1.0", "12.7.1", "13.2.0")
    table = (
        ("image-af3", "Billing", "stellar-orbit-4821", "image", three),
        ("image-af2", "Billing (Airflow 2)", "solar-wind-4822", "image", two),
        ("dag-deploy-af3", "Orders", "cosmic-dust-5931", "dag_deploy", three),
        ("dag-deploy-af2", "Orders (Airflow 2)", "polar-light-5932", "dag_deploy", two),
        ("git-sync-af3", "Reporting", "gravity-well-6041", "git_sync", three),
        ("git-sync-af2", "Reporting (Airflow 2)", "magnetic-field-6042", "git_sync", two),
        ("volume-af3", "Archive", "dark-matter-7151", "volume", three),
        ("volume-af2", "Archive (Airflow 2)", "red-giant-7152", "volume", two),
    )
    return [
        Case(key, label, release, mechanism, runtimes[0], histories.long(key, mechanism, *runtimes))
        for key, label, release, mechanism, runtimes in table
    ]


CASES: dict[str, Case] = {case.key: case for case in _cases()}
