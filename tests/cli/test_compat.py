# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback compat``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cli.running import ROOT, Cli


def test_an_allowed_path_exits_with_0_and_says_why(cli: Cli) -> None:
    """Verdict, rule, reason, source and warnings are all there, and nothing is on stderr."""
    result = cli("compat", "3.1-12", "13.2.0")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("allowed: Runtime 3.1-12 (Airflow 3.1) → Runtime 13.2.0 (Airflow 2.11)\n")
    for part in ("AIRFLOW-3-TO-2", "Astronomer documentation", "(!) Dags written for Airflow 3"):
        assert part in result.out


def test_a_refused_path_exits_with_1(cli: Cli) -> None:
    """A refusal is a result, not an error: it goes to stdout."""
    result = cli("compat", "13.2.0", "3.1-12")
    assert (result.code, result.err) == (1, "")
    assert result.out.startswith("REFUSED")


def test_image_tags_and_airflow_versions_are_read(cli: Cli) -> None:
    """A tag is checked by the Runtime that it begins with, `airflow:` by the Airflow version."""
    assert cli("compat", "3.1-12-python-3.12-base", "3.1-2").code == 0
    result = cli("compat", "airflow:2.10.3", "airflow:2.9.1")
    assert result.code == 0
    assert "Airflow 2.10.3" in result.out


def test_json_holds_the_whole_verdict(cli: Cli) -> None:
    """Scripts read the code and the warnings' codes, not sentences."""
    result = cli("compat", "--json", "3.1-12", "3.1-8")
    verdict = json.loads(result.out)
    assert (verdict["allowed"], verdict["code"]) == (True, "AIRFLOW-3-TO-3")
    assert (verdict["source"], verdict["target"]) == (
        "Runtime 3.1-12 (Airflow 3.1)",
        "Runtime 3.1-8 (Airflow 3.1)",
    )
    assert "Astronomer" in verdict["rule_source"]
    assert {"RUNNING-TASKS-FAIL", "DATA-ERASED"} <= {warning["code"] for warning in verdict["warnings"]}


@pytest.mark.parametrize("text", ["", "latest", "9" * 10_000])
def test_nonsense_exits_with_2_and_an_error_of_few_lines(cli: Cli, text: str) -> None:
    """Text that is not a version is named on stderr; stdout stays empty."""
    result = cli("compat", text, "3.1-12")
    assert (result.code, result.out) == (2, "")
    assert "bad input" in result.err
    assert "SOURCE: " in result.err
    assert len(result.err) < 600


def test_all_bad_versions_are_reported_together(cli: Cli) -> None:
    """One error lists the problems of both arguments."""
    result = cli("compat", "v12", "airflow:latest")
    assert result.code == 2
    assert "SOURCE: 'v12'" in result.err
    assert "TARGET: 'latest'" in result.err


def test_compat_imports_neither_airflow_nor_http() -> None:
    """It answers at once, also with a broken Airflow."""
    script = (
        "import sys; from airflow_rollback_provider.cli import main;"
        "code = main(['compat', '3.1-12', '3.1-8']);"
        "heavy = {'airflow', 'requests', 'httpx', 'rich', 'graphql', 'sqlalchemy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
