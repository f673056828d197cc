# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_rollback_provider.sandbox.faults import FaultBook


def hits(book: FaultBook, *requests: str) -> list[str | None]:
    injected = [book.next_for((request,)) for request in requests]
    return [fault.kind if fault else None for fault in injected]


def test_a_fault_is_injected_into_its_operation_count_times() -> None:
    """Skipped requests and other operations do not count."""
    book = FaultBook()
    book.add({"kind": "status", "operation": "logs", "count": 2, "skip": 1})
    assert hits(book, "logs", "self", "logs", "logs", "logs") == [None, None, "status", "status", None]


def test_faults_are_injected_in_the_order_in_which_they_were_set() -> None:
    """Only the first matching fault is injected; the next one follows when it is used up."""
    book = FaultBook()
    book.add({"kind": "status"})
    book.add({"kind": "latency"})
    assert hits(book, "self", "self", "self") == ["status", "latency", None]
