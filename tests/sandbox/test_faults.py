# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_rollback_provider.sandbox.errors import Refused
from airflow_rollback_provider.sandbox.faults import FaultBook


def hits(book: FaultBook, *requests: str) -> list[str | None]:
    injected = [book.next_for((request,)) for request in requests]
    return [fault.kind if fault else None for fault in injected]


def test_a_fault_is_injected_into_its_operation_count_times() -> None:
    """Skipped requests and other operations do not count."""
    book = FaultBook()
    book.add({"kind": "status", "operation": "logs", "count": 2, "skip": 1})
    assert hits(book, "logs", "self", "logs", "logs", "logs") == [None, None, "status", "status", None]


def test_a_fault_without_an_operation_or_count_is_injected_until_cleared() -> None:
    """This is an outage."""
    book = FaultBook()
    book.add({"kind": "drop_before", "count": None})
    assert hits(book, "self", "logs") == ["drop_before"] * 2
    assert book.as_list()[0]["hits"] == 2
    book.clear()
    assert hits(book, "self") == [None]


def test_faults_are_injected_in_the_order_in_which_they_were_set() -> None:
    """Only the first matching fault is injected; the next one follows when it is used up."""
    book = FaultBook()
    book.add({"kind": "status"})
    book.add({"kind": "latency"})
    assert hits(book, "self", "self", "self") == ["status", "latency", None]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "needs a kind"),
        ({"kind": "flood"}, "needs a kind"),
        ({"kind": "body", "body": "x"}, "truncated"),
        ({"kind": "land_after"}, "needs a deployment"),
        ({"kind": "status", "id": 3}, "Unknown field 'id'"),
        ({"kind": "status", "often": 3}, "Unknown field 'often'"),
    ],
)
def test_an_invalid_fault_is_refused(values: dict[str, object], problem: str) -> None:
    """A typing error in a test must not look like a fault that never injected."""
    with pytest.raises(Refused, match=problem):
        FaultBook().add(values)
