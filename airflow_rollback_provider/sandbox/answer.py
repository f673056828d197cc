# SPDX-License-Identifier: Apache-2.0
"""What a face has to say to a request, before it goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Answer:
    """An answer: JSON, its HTTP status, the names of the errors in it (for the record), more headers."""

    body: Any
    status: int = 200
    errors: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
