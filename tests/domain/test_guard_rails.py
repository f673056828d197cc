# SPDX-License-Identifier: Apache-2.0
"""Guard rails: one case for each, and the properties of all."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.deploys import Deploy
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.guard_rails import Decision, GuardRails, decide
from airflow_rollback_provider.domain.history import History
from tests.support.builders import BAD, GOING, NOW, Counted, deploy, history, rollback

HOUR = 1 / 24
D1, D2 = deploy("d1", 5), deploy("d2", 4)
OFF = GuardRails(cool_down=timedelta(0), max_rollbacks=None, allow_after_rollback=True)
FROZEN = "2026-11-01T00:00:00Z / 2026-12-01T00:00:00Z"


def codes(decision: Decision) -> list[str]:
    """The codes of all that speaks against it."""
    return [reason.code for reason in decision.reasons]


def decided(*rows: Deploy, rails: GuardRails | None = None, **kwargs: Any) -> Decision:
    """Decide about a history, oldest first."""
    return decide(history(*rows), NOW, rails or GuardRails(), **kwargs)


AGAINST = [
    ("VERDICT-HEALTHY", [D1, D2], {"verdict": "healthy"}),
    ("VERDICT-INCONCLUSIVE", [D1, D2], {"verdict": "inconclusive"}),
    ("VERDICT-UNKNOWN", [D1, D2], {"verdict": "worse"}),
    ("NOTHING-RUNS", [deploy("d1", 5, status=BAD)], {}),
    ("NOTHING-RUNS", [], {"evaluated_id": "d1"}),
    ("OTHER-DEPLOY-RUNS", [D1, D2], {"evaluated_id": "d1"}),
    ("RUNS-A-ROLLBACK", [D1, D2, rollback("r", D1, 3)], {}),
    ("DEPLOY-IN-PROGRESS", [D1, D2, deploy("d3", 0.1, status=GOING)], {}),
    ("COOL-DOWN", [D1, rollback("r", D1, HOUR * 0.9), deploy("d3", 0)], {}),
    ("COOL-DOWN", [D1, rollback("r", D1, HOUR * 0.9, status=BAD)], {}),
    (
        "TOO-MANY-ROLLBACKS",
        [D1, *(rollback(f"r{n}", D1, HOUR * (9 - n)) for n in (0, 1)), deploy("d3", 0)],
        {},
    ),
    ("FREEZE", [D1, D2], {"rails": GuardRails(freezes=[FROZEN])}),
]


@pytest.mark.parametrize(
    ("code", "rows", "kwargs"), AGAINST, ids=[f"{row[0]}-{n}" for n, row in enumerate(AGAINST)]
)
def test_what_speaks_against_it(code: str, rows: list[Deploy], kwargs: dict[str, Any]) -> None:
    """One reason each, with its own code."""
    assert codes(decided(*rows, **kwargs)) == [code]


ALLOWED = [
    ([D1, D2], {"verdict": "regressed", "evaluated_id": "d2"}),
    ([D1, D2], {}),
    ([D1, rollback("r", D1, HOUR), deploy("d3", 0)], {}),
    ([D1, rollback("r0", D1, 1), rollback("r1", D1, 0.9), deploy("d3", 0)], {}),
    ([D1, deploy("lost", 4.5, status=GOING), D2], {}),
    ([D1, D2], {"rails": GuardRails(freezes=["2027-01-01T00:00:00Z / 2027-01-02T00:00:00Z"])}),
    ([D1, *(rollback(f"r{n}", D1, 0) for n in range(9))], {"rails": OFF}),
]


@pytest.mark.parametrize(("rows", "kwargs"), ALLOWED, ids=range(len(ALLOWED)))
def test_what_is_allowed(rows: list[Deploy], kwargs: dict[str, Any]) -> None:
    """At the very end of a cool-down or of the time in which rollbacks are counted, too."""
    assert decided(*rows, **kwargs).allowed


def test_all_reasons_are_told_together() -> None:
    """All reasons are reported at once."""
    rows = [D1, *(rollback(f"r{n}", D1, HOUR / (n + 2)) for n in range(3)), deploy("d9", 0, status=GOING)]
    found = decided(*rows, rails=GuardRails(freezes=[FROZEN]), verdict="inconclusive", evaluated_id="d1")
    assert codes(found) == [
        "VERDICT-INCONCLUSIVE",
        "OTHER-DEPLOY-RUNS",
        "RUNS-A-ROLLBACK",
        "DEPLOY-IN-PROGRESS",
        "COOL-DOWN",
        "TOO-MANY-ROLLBACKS",
        "FREEZE",
    ]
    assert found.running is not None
    assert json.loads(json.dumps(found.to_dict()))["deploy_id"] == "r2"


def test_until_when_is_told() -> None:
    """The reason of a temporary rail gives its end."""
    rows = [D1, rollback("r0", D1, 0.5), rollback("r1", D1, 0.02), deploy("d3", 0)]
    cool_down, limit, freeze = decided(*rows, rails=GuardRails(freezes=[FROZEN])).reasons
    assert "before 2026-11-23 12:31 UTC" in cool_down.message
    assert "after 2026-11-24 00:00 UTC" in limit.message
    assert "before 2026-12-01 00:00 UTC" in freeze.message


def test_no_more_of_the_history_is_read_than_the_rails_remember() -> None:
    """10,000 deploys, ten a day."""
    source = Counted(deploy(f"d{number}", number / 10) for number in range(10_000))
    assert decide(History(source), NOW, GuardRails()).allowed
    assert source.taken < 15


@pytest.mark.parametrize(
    "kwargs",
    [
        {"cool_down": timedelta(seconds=-1)},
        {"period": timedelta(0)},
        {"max_rollbacks": -1},
        {"max_rollbacks": 1.5},
        {"max_rollbacks": "2"},
        {"max_rollbacks": []},
        {"allow_after_rollback": "perhaps"},
        {"freezes": None},
        {"freezes": ["weekends"]},
        {"freezes": FROZEN},
    ],
    ids=str,
)
def test_rails_that_cannot_hold(kwargs: dict[str, Any]) -> None:
    """They are refused when the Dag is parsed, not when they are needed."""
    with pytest.raises(BadInput):
        GuardRails(**kwargs)


def test_rails_keep_what_is_given_once() -> None:
    """A generator of freezes is read for the check and for each decision, and the text False is false."""
    rails = GuardRails(freezes=(text for text in [FROZEN]), allow_after_rollback="False")  # type: ignore[arg-type]
    assert (rails.freezes, rails.allow_after_rollback) == ((FROZEN,), False)


def test_rails_read_the_same_at_every_parse() -> None:
    """Airflow keeps their text with a mapped task: one that changed would be a new version of the Dag."""
    one = GuardRails(cool_down=timedelta(minutes=5), freezes=(FROZEN,))
    other = GuardRails(cool_down=timedelta(minutes=5), freezes=(FROZEN,))
    assert repr(one) == repr(other)
    assert "0x" not in repr(one)


ROLLBACKS = st.lists(st.floats(0, 3), max_size=6)


@given(ROLLBACKS, st.integers(0, 4), st.floats(0.01, 2), st.floats(0, 2))
def test_rollbacks_by_themselves_never_exceed_the_limit(
    ages: list[float], max_rollbacks: int, period: float, cool_down: float
) -> None:
    """If the rails allow one more, then fewer than that were made in the time, and none in the cool-down."""
    rows = [D1, *(rollback(f"r{n}", D1, age) for n, age in enumerate(sorted(ages, reverse=True)))]
    rails = GuardRails(
        timedelta(days=cool_down), max_rollbacks, timedelta(days=period), allow_after_rollback=True
    )
    if decided(*rows, rails=rails).allowed:
        assert sum(timedelta(days=age) < timedelta(days=period) for age in ages) < max_rollbacks
        assert all(timedelta(days=age) >= timedelta(days=cool_down) for age in ages)


def test_ci_and_remediation_do_not_undo_each_other_for_ever() -> None:
    """The limit ends it, and its reason says what goes on."""
    rows = [D1, deploy("bad", 0.9)]
    for number, days in enumerate((0.8, 0.6)):
        rows.append(rollback(f"r{number}", D1, days, description="Orders fail"))
        rows.append(deploy(f"again{number}", days - 0.1, image="bad", dags="bad"))
    rails = GuardRails(cool_down=timedelta(0))
    assert decided(*rows[:4], rails=rails, verdict="regressed").allowed
    (limit,) = decided(*rows, rails=rails, verdict="regressed").reasons
    assert limit.code == "TOO-MANY-ROLLBACKS"
    assert "CI and the rollbacks undo each other: Deploy again1 brings back" in limit.message
    assert "“Orders fail”. Stop that release in CI" in limit.message
