# SPDX-License-Identifier: Apache-2.0
"""The response of an API to a request, before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Answer:
    """A response: its JSON body, HTTP status, names of its errors (for the record) and further headers."""

    body: Any
    status: int = 200
    errors: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
