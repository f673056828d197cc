# SPDX-License-Identifier: Apache-2.0
"""Fisher's exact test, compared with exact fractions and with SciPy."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from airflow_rollback_provider.health.evidence import fisher_more_failures

COUNTS = st.integers(0, 80).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs)))
# failed before, runs before, failed after, runs after
TABLES = [
    (0, 0, 0, 0),
    (0, 10, 0, 10),
    (3, 10, 0, 10),
    (0, 10, 10, 10),
    (1, 480, 4, 20),
    (19, 1920, 12, 160),
    (400, 1920, 40, 160),
    (0, 1, 1, 1),
    (100, 100_000, 150, 100_000),
    (1_000, 1_000_000, 1_200, 1_000_000),
    (999_000, 1_000_000, 999_200, 1_000_000),
]


def exact(failed_before: int, runs_before: int, failed_after: int, runs_after: int) -> Fraction:
    """The p-value by counting, as a fraction."""
    failed, runs = failed_before + failed_after, runs_before + runs_after
    ways = sum(
        comb(failed, count) * comb(runs - failed, runs_after - count)
        for count in range(failed_after, min(failed, runs_after) + 1)
    )
    return Fraction(ways, comb(runs, runs_after))


@given(COUNTS, COUNTS)
def test_it_is_exact(before: tuple[int, int], after: tuple[int, int]) -> None:
    """It agrees with counting to the last digits of a float."""
    assert fisher_more_failures(*before, *after) == pytest.approx(float(exact(*before, *after)), rel=1e-12)


@given(COUNTS, COUNTS)
def test_it_agrees_with_scipy(before: tuple[int, int], after: tuple[int, int]) -> None:
    """SciPy gives the same p-value for any table."""
    assert fisher_more_failures(*before, *after) == pytest.approx(of_scipy(*before, *after), rel=1e-7)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_it_agrees_with_scipy_on_large_counts(table: tuple[int, int, int, int]) -> None:
    """This holds for counts whose factorials are huge; SciPy's own rounding is coarser there."""
    assert fisher_more_failures(*table) == pytest.approx(of_scipy(*table), rel=1e-4)


def of_scipy(failed_before: int, runs_before: int, failed_after: int, runs_after: int) -> float:
    """SciPy's p-value."""
    table = [[failed_after, runs_after - failed_after], [failed_before, runs_before - failed_before]]
    return float(fisher_exact(table, alternative="greater").pvalue)


@given(COUNTS, COUNTS)
def test_a_further_failure_after_makes_it_smaller(before: tuple[int, int], after: tuple[int, int]) -> None:
    """More failures after give a smaller p-value."""
    failed, runs = after
    if failed < runs:
        more = fisher_more_failures(*before, failed + 1, runs)
        assert more <= fisher_more_failures(*before, failed, runs) * (1 + 1e-12)


def test_underflow_is_zero() -> None:
    """A million new failures cause no overflow and no error."""
    assert fisher_more_failures(0, 1_000_000, 1_000_000, 1_000_000) == 0.0


@pytest.mark.parametrize("counts", [(-1, 5, 0, 5), (6, 5, 0, 5), (0, 5, 6, 5)])
def test_impossible_counts(counts: tuple[int, int, int, int]) -> None:
    """More failures than runs raise ValueError."""
    with pytest.raises(ValueError, match="cannot have failed"):
        fisher_more_failures(*counts)
