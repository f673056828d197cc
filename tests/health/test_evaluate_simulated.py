# SPDX-License-Identifier: Apache-2.0
"""The error rates of docs/deploy-health.md, with fewer trials."""

from __future__ import annotations

from benchmarks.health import Deployment, simulate

TRIALS = 300


def test_deploys_that_changed_nothing() -> None:
    """None of them is regressed, while the naive rule fires on more than a tenth."""
    tried = simulate(Deployment(), TRIALS)
    assert tried.verdicts["regressed"] == 0
    assert tried.share("healthy") > 95
    assert tried.naive_share > 10


def test_deploys_that_broke_a_tenth_of_the_dags() -> None:
    """Nearly all of them are regressed, and none is healthy."""
    tried = simulate(Deployment(broken=0.1), TRIALS)
    assert tried.share("regressed") > 94
    assert tried.verdicts["healthy"] == 0


def test_long_runs_of_which_only_failures_are_known() -> None:
    """Unfinished good runs do not make the share of failures look worse."""
    tried = simulate(Deployment(failures=0.1, takes=150), TRIALS)
    assert tried.verdicts["regressed"] == 0


def test_an_outage_in_one_window() -> None:
    """A short outage is not a regression."""
    assert simulate(Deployment(outage=0.3), TRIALS).verdicts["regressed"] == 0
