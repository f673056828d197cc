# SPDX-License-Identifier: Apache-2.0
"""What the tries of a task instance tell each other, in Airflow's Variables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_rollback_provider.operators import memory
from airflow_rollback_provider.operators.memory import Choice, VariableMemory

CHOICE = Choice("c1", "d1", "d3", 1_795_000_000.25)


class Variables:
    """Stands in for Airflow's Variables, which need a worker's supervisor or a database.

    The tests in ``tests/airflow`` use Airflow's own. Its arguments are those that the Airflow lines agree on.
    """

    kept: dict[str, str]

    @classmethod
    def get(cls, key: str, default: Any, /) -> Any:
        """Return a value or the default."""
        return cls.kept.get(key, default)

    @classmethod
    def set(cls, key: str, value: str, *, description: str | None = None) -> None:
        """Keep a value."""
        assert description
        cls.kept[key] = value

    @classmethod
    def delete(cls, key: str, /) -> None:
        """Keep a value no more; no error if there is none."""
        cls.kept.pop(key, None)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is in the Variables."""
    Variables.kept = {}
    monkeypatch.setattr(memory, "Variable", Variables)
    return Variables.kept


@pytest.mark.parametrize("choice", [CHOICE, Choice("c1", "d1", "d3")])
def test_a_choice_comes_back(kept: dict[str, str], choice: Choice) -> None:
    """To the fraction of a second, for this intent alone."""
    VariableMemory().keep("a" * 20, choice)
    assert VariableMemory().recall("a" * 20) == choice
    assert VariableMemory().recall("b" * 20) is None


def test_a_choice_takes_the_place_of_an_earlier_one(kept: dict[str, str]) -> None:
    """There is one for each intent."""
    for number in range(3):
        VariableMemory().keep("a" * 20, Choice("c1", f"d{number}", "d3"))
    assert VariableMemory().recall("a" * 20) == Choice("c1", "d2", "d3")
    assert len(kept) == 1


def test_what_is_forgotten_is_gone(kept: dict[str, str]) -> None:
    """Forgetting twice, or what was never kept, is no error."""
    VariableMemory().keep("a" * 20, CHOICE)
    for _ in range(2):
        VariableMemory().forget("a" * 20)
    assert VariableMemory().recall("a" * 20) is None
    assert kept == {}


def test_what_is_kept_is_readable(kept: dict[str, str]) -> None:
    """A person who finds the Variable sees what it is for, and ids alone."""
    VariableMemory().keep("a" * 20, CHOICE)
    ((name, text),) = kept.items()
    assert name == "rollback_intent_" + "a" * 20
    assert json.loads(text) == {
        "deployment_id": "c1",
        "target_id": "d1",
        "head_id": "d3",
        "sent_at": CHOICE.sent_at,
    }


@pytest.mark.parametrize("text", ["", "not JSON", "[]", "{}", '{"target": 1}'])
def test_a_damaged_note_is_not_taken_for_none(kept: dict[str, str], text: str) -> None:
    """A try that cannot tell whether an earlier one sent something must not go on as if none had."""
    kept["rollback_intent_" + "a" * 20] = text
    with pytest.raises((TypeError, ValueError)):
        VariableMemory().recall("a" * 20)


def test_airflows_own_variables_take_the_same_arguments() -> None:
    """The stand-in above is called as Airflow's class can be."""
    import inspect

    from airflow_rollback_provider.compat import Variable

    inspect.signature(Variable.get).bind("name", None)
    inspect.signature(Variable.set).bind("name", "value", description="what it is for")
    inspect.signature(Variable.delete).bind("name")
    second = list(inspect.signature(Variable.get).parameters)[1]
    assert second in ("default", "default_var")
