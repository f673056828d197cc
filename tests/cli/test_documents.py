# SPDX-License-Identifier: Apache-2.0
"""The examples in README.md and docs/ match the package.

A block under ``<!-- airflow-rollback … -->`` is the output of that command line. With ``UPDATE_DOCS=1`` in
the environment the tests write the blocks again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from airflow_rollback_provider.cli.exits import MEANINGS, Exit
from airflow_rollback_provider.cli.main import COMMANDS, read_arguments
from airflow_rollback_provider.domain import errors
from tests.cli.running import ROOT, Cli

_PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_SHOWN = re.compile(r"<!-- airflow-rollback (.*?) -->\n```(\w+)\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\[[^]]*\]\(([^)#\s]+)(?:#([^)]*))?\)")
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(params=[page for page in _PAGES if _SHOWN.search(page.read_text("utf-8"))], ids=_name)
def page_with_output(request: pytest.FixtureRequest) -> Path:
    """A page that shows the output of commands."""
    return Path(request.param)


def test_shown_output_is_what_the_commands_print(
    cli: Cli, page_with_output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help pages and examples are compared with the output of the commands."""
    monkeypatch.setenv("COLUMNS", "100")

    def fresh(block: re.Match[str]) -> str:
        command, language = block[1], block[2]
        prompt = f"$ airflow-rollback {command}\n" if language == "console" else ""
        output = cli(*shlex.split(command)).out
        return f"<!-- airflow-rollback {command} -->\n```{language}\n{prompt}{output}```"

    text = page_with_output.read_text(encoding="utf-8")
    updated = _SHOWN.sub(fresh, text)
    if os.environ.get("UPDATE_DOCS"):
        page_with_output.write_text(updated, encoding="utf-8")
    else:
        assert text.split() == updated.split()  # Python 3.13 sets the columns of help pages differently


def test_every_command_is_shown() -> None:
    """docs/cli.md shows the help of each command and lists each exit code."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"<!-- airflow-rollback {name} --help -->" in page for name in COMMANDS)
    assert all(f"| {code.value} | {MEANINGS[code]} |" in page for code in Exit)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_command_lines_in_prose_can_be_parsed(page: Path) -> None:
    """Every line with a prompt and this command names options that exist."""
    text = _SHOWN.sub("", page.read_text(encoding="utf-8"))
    for line in re.findall(r"^\$ airflow-rollback (.+)$", text, re.MULTILINE):
        words = shlex.split(line.partition(" > ")[0].partition(" | ")[0])
        assert read_arguments(words).command in COMMANDS


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links name files that exist, and headings that exist in them."""
    for target, heading in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file = page.parent / target
        assert file.exists(), f"{_name(page)} links to {target}"
        if heading:
            assert heading in _headings(file), f"{_name(page)} links to {target}#{heading}"


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ["README.md", "docs/operator.md"])
def test_shown_dags_are_dags(name: str) -> None:
    """Airflow parses the Dag as it is printed there, on every line."""
    from airflow import DAG

    from airflow_rollback_provider.operators.rollback import RollbackOperator

    code = _PYTHON.search((ROOT / name).read_text(encoding="utf-8"))
    assert code is not None
    values: dict[str, object] = {}
    named = re.sub(r"^(with DAG\(.*\)):$", r"\1 as dag:", code[1], flags=re.MULTILINE)
    exec(compile(named, name, "exec"), values)
    dag = values["dag"]
    assert isinstance(dag, DAG)
    assert any(isinstance(task, RollbackOperator) for task in dag.tasks)


def test_json_in_the_docs_is_accepted() -> None:
    """The connection accepts the example of replaced assumptions."""
    from airflow_rollback_provider.platforms.private_cloud.assumptions import read_assumptions

    page = (ROOT / "docs" / "connection.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assumptions = read_assumptions(json.loads(example)["assumptions"], "docs/connection.md")
    assert assumptions.deploy_fields["image_tag"] == "tag"


def test_documented_errors_exist_and_are_retried_as_documented() -> None:
    """The table of failures names errors of the package and marks the retryable ones correctly."""
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    table = page.partition("| The task fails with |")[2].partition("\n\n")[0]
    documented = {
        name: retried.startswith("yes")
        for names, _, retried in re.findall(r"^\| (`.*?) \| (.*) \| (.*?) \|$", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert len(documented) > 15
    assert documented == {name: vars(errors)[name].retryable for name in documented}
