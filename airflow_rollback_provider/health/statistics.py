# SPDX-License-Identifier: Apache-2.0
"""The one test of significance that judging needs, without a dependency."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def fisher_more_failures(failed_before: int, runs_before: int, failed_after: int, runs_after: int) -> float:
    """Return the p-value of Fisher's exact test, one-sided: did more runs fail after than before?

    It is the chance that at least ``failed_after`` of the failures fall to the runs after, if all failures
    were dealt out to all runs blindly. Small means: chance alone hardly explains it.

    The likeliest outcome is taken as 1, and the others follow from it by the ratio of neighbours. So nothing
    overflows and nothing cancels out, whatever the counts; what lies below the smallest number that a float
    can hold is 0.

    :param failed_before: runs that failed before.
    :param runs_before: all runs before.
    :param failed_after: runs that failed after.
    :param runs_after: all runs after.
    :raises ValueError: when a count is negative or more runs failed than there were.
    """
    if not (0 <= failed_before <= runs_before and 0 <= failed_after <= runs_after):
        raise ValueError(
            f"{failed_before} of {runs_before} and {failed_after} of {runs_after} runs cannot have failed."
        )
    failed, runs = failed_before + failed_after, runs_before + runs_after
    least, most = max(0, failed - runs_before), min(failed, runs_after)
    likeliest = min(max((failed + 1) * (runs_after + 1) // (runs + 2), least), most)

    def ratio(count: int) -> float:
        """How much likelier ``count + 1`` failures after are than ``count``."""
        return (failed - count) * (runs_after - count) / ((count + 1) * (runs_before - failed + count + 1))

    total = at_least = 0.0
    for count, weight in _weights(likeliest, least, most, ratio):
        total += weight
        if count >= failed_after:
            at_least += weight
    return min(1.0, at_least / total)


def _weights(
    likeliest: int, least: int, most: int, ratio: Callable[[int], float]
) -> Iterator[tuple[int, float]]:
    """Yield each outcome with its weight, from the likeliest one outwards until a float holds no less."""
    weight, count = 1.0, likeliest
    while weight > 0.0:
        yield count, weight
        if count == most:
            break
        weight, count = weight * ratio(count), count + 1
    weight, count = 1.0, likeliest
    while count > least and weight > 0.0:
        count -= 1
        weight /= ratio(count)
        yield count, weight
