# SPDX-License-Identifier: Apache-2.0
"""docs/rules.md agrees with the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from airflow_rollback_provider.domain import checks, compatibility, plan
from airflow_rollback_provider.domain.checks import CHECKS, default_scope, required_permissions
from airflow_rollback_provider.domain.compatibility import RULES
from airflow_rollback_provider.domain.deploys import Deploy, Mechanism, Scope
from airflow_rollback_provider.domain.errors import DeployNotFound
from airflow_rollback_provider.domain.selector import DeploySelector, choose
from tests.support.builders import HOUSTON, deploy, history, rollback

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def table(first_column: str, heading: str) -> list[list[str]]:
    """The cells of the table that begins with this column below a heading, without its head."""
    section = DOCUMENT.split(f"\n{heading}\n", 1)[1]
    rows = section[section.index(f"| {first_column} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_rules_are_documented_in_their_order() -> None:
    """Each with its code and what it decides."""
    documented = [(row[0].strip("`"), row[1]) for row in table("Code", "## Versions")]
    assert documented == [(rule.code, "allowed" if rule.allows else "refused") for rule in RULES]


def test_the_checks_are_documented_in_their_order() -> None:
    """Each with its code and its summary, word for word."""
    documented = [(row[0].strip("`"), row[1]) for row in table("Code", "## Checks")]
    assert documented == [(check.code, check.summary) for check in CHECKS]


def warnings_in_code() -> set[tuple[str, str]]:
    """Every warning that the code builds, by its code, and whether it is severe."""
    found = set()
    for module in (checks, plan, compatibility):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PlanWarning":
                severe = any(keyword.arg == "severe" for keyword in node.keywords)
                found.add((ast.literal_eval(node.args[0]), "yes" if severe else "no"))
    return found


def test_the_warnings_are_documented() -> None:
    """Every one that can be built, and no other."""
    documented = {(row[0].strip("`"), row[1]) for row in table("Code", "## Warnings")}
    assert documented == warnings_in_code()


def test_the_selectors_are_read_as_documented() -> None:
    """Each example of the table is accepted and means its kind."""
    cells = [row[0] for row in table("Target", "## Which deploy is meant")]
    examples = [text for cell in cells for text in re.findall("`(.*?)`", cell)]
    filled = [text.replace("<7 to 64 hex digits>", "abcdef0").replace("<id>", "x") for text in examples]
    kinds = [DeploySelector.parse(text.replace("<image tag>", "x")).kind for text in filled]
    assert set(kinds) == {"previous", "id", "tag", "commit", "runtime", "airflow", "before"}
    assert [text.split(":")[0] for text in filled] == kinds


def test_the_scopes_are_documented() -> None:
    """Permissions and mechanisms of each."""
    for row in table("Scope", "## Checks"):
        scope = Scope.parse(row[0].strip("`"))
        needed = required_permissions(scope, HOUSTON)
        assert row[1] == ("both" if len(needed) > 1 else f"`{needed[0]}`")
        for mechanism in (Mechanism.IMAGE, Mechanism.DAG_DEPLOY, Mechanism.GIT_SYNC):
            if default_scope(mechanism) is scope:
                assert str(mechanism) in row[2]


def build(text: str) -> list[str]:
    """Read `D1, D2, R → D1` and the like."""
    return [step.strip() for step in text.split(",")]


@pytest.mark.parametrize("row", table("History, oldest first", "### `previous`"), ids=lambda row: row[0])
def test_previous_is_what_the_table_says(row: list[str]) -> None:
    """Each history of the table is built, and ``previous`` is chosen in it."""
    made: dict[str, Deploy] = {}
    for step in build(row[0]):
        name, _, to = step.partition(" → ")
        made[name] = rollback(name, made[to]) if to else deploy(name)
    expected = re.split(r"[,:]", row[2])[0]
    if expected == "none":
        with pytest.raises(DeployNotFound):
            choose(DeploySelector("previous"), history(*made.values()), Scope.IMAGE_AND_DAGS)
    else:
        assert (
            choose(DeploySelector("previous"), history(*made.values()), Scope.IMAGE_AND_DAGS).id == expected
        )
