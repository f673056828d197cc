# SPDX-License-Identifier: Apache-2.0
"""Versions of Astro Runtime and of Airflow.

Two similar styles of Runtime versions exist:

* three numbers with dots (``5.0.0``, ``13.2.1``): Runtimes that carry Airflow 2;
* ``AIRFLOW_MAJOR.MINOR-REVISION`` (``3.0-1``, ``3.1-12``): Runtimes that carry Airflow 3 and later.

So ``3.0.4`` is an old Runtime with Airflow 2, and ``3.0-4`` is Airflow 3.0. Neither is read as a PEP 440
version, where ``3.0-4`` would be a post-release of 3.0. (Source: Astronomer's documentation, "Runtime
versioning".)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.domain.errors import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Docker allows an image tag of at most 128 characters.
_LONGEST_TAG = 128
_NUMBER = r"(0|[1-9][0-9]{0,3})"
_SUFFIX = r"(?:-[A-Za-z][A-Za-z0-9_.\-]*)?"
_AIRFLOW_2_STYLE = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}{_SUFFIX}")
_AIRFLOW_3_STYLE = re.compile(rf"{_NUMBER}\.{_NUMBER}-([1-9][0-9]{{0,3}}){_SUFFIX}")
_AIRFLOW = re.compile(rf"{_NUMBER}\.{_NUMBER}(?:\.{_NUMBER})?(?:[+-][A-Za-z][A-Za-z0-9_.\-]*)?")

_FIRST_RUNTIME = (3, 0, 0)
_FIRST_AIRFLOW_OF_NEW_STYLE = 3
# Astro Runtime release notes: each major of the three-number style carries one series of Airflow 2.
_AIRFLOW_SERIES_OF_RUNTIME = {
    3: (2, 1), 4: (2, 2), 5: (2, 3), 6: (2, 4), 7: (2, 5), 8: (2, 6),
    9: (2, 7), 10: (2, 8), 11: (2, 9), 12: (2, 10), 13: (2, 11),
}  # fmt: skip


@total_ordering
@dataclass(frozen=True)
class RuntimeVersion:
    """One Astro Runtime version. Runtimes with Airflow 2 sort before all Runtimes with Airflow 3.

    :param airflow_major: major version of the Airflow inside, 2 or higher.
    :param numbers: the three numbers of the version, in their order.
    """

    airflow_major: int
    numbers: tuple[int, int, int]

    @classmethod
    def parse(cls, text: str) -> RuntimeVersion:
        """Read a bare version or an image tag that begins with one.

        :param text: for example ``12.1.0``, ``3.1-12``, ``3.1-12-python-3.12-base``, ``13.2.0-python-3.11``.
        :raises InvalidVersion: for any other text; no version is guessed.
        """
        if not isinstance(text, str) or len(text) > _LONGEST_TAG:
            raise InvalidVersion(_complaint(text))
        if match := _AIRFLOW_3_STYLE.fullmatch(text):
            major, minor, revision = (int(part) for part in match.groups())
            if major >= _FIRST_AIRFLOW_OF_NEW_STYLE:
                return cls(major, (major, minor, revision))
        if match := _AIRFLOW_2_STYLE.fullmatch(text):
            numbers = (int(match[1]), int(match[2]), int(match[3]))
            if numbers >= _FIRST_RUNTIME:
                return cls(2, numbers)
        raise InvalidVersion(_complaint(text))

    @property
    def airflow_series(self) -> tuple[int, int] | None:
        """Major and minor of the Airflow inside, or None for a Runtime that this package lacks."""
        if self.airflow_major >= _FIRST_AIRFLOW_OF_NEW_STYLE:
            return self.numbers[0], self.numbers[1]
        return _AIRFLOW_SERIES_OF_RUNTIME.get(self.numbers[0])

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, RuntimeVersion):
            return NotImplemented
        return (self.airflow_major, self.numbers) < (other.airflow_major, other.numbers)

    def __str__(self) -> str:
        first, second, third = self.numbers
        separator = "-" if self.airflow_major >= _FIRST_AIRFLOW_OF_NEW_STYLE else "."
        return f"{first}.{second}{separator}{third}"


@total_ordering
@dataclass(frozen=True)
class AirflowVersion:
    """One version of Apache Airflow; ``patch`` is None if only the series is known."""

    major: int
    minor: int
    patch: int | None = None

    @classmethod
    def parse(cls, text: str) -> AirflowVersion:
        """Read ``2.10.5``, ``2.10`` or ``2.10.5+astro.1``.

        :raises InvalidVersion: for any other text.
        """
        match = _AIRFLOW.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST_TAG else None
        if match is None:
            raise InvalidVersion(
                f"{_shown(text)} is not an Airflow version. Expected MAJOR.MINOR.PATCH such as 2.10.5."
            )
        return cls(int(match[1]), int(match[2]), None if match[3] is None else int(match[3]))

    @property
    def series(self) -> tuple[int, int]:
        """Major and minor."""
        return self.major, self.minor

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, AirflowVersion):
            return NotImplemented
        return self._key() < other._key()

    def _key(self) -> tuple[int, int, int]:
        return self.major, self.minor, -1 if self.patch is None else self.patch

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + ("" if self.patch is None else f".{self.patch}")


def series_of(version: str) -> tuple[int, ...]:
    """Return major and minor of a version as an Airflow reports its own, as far as they are numbers."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


@dataclass(frozen=True)
class Versions:
    """The known versions of the software that a deploy or a Deployment runs.

    The Runtime decides if it is known; otherwise the Airflow version decides.

    :param runtime: Astro Runtime version, if known.
    :param airflow: Airflow version, if known.
    """

    runtime: RuntimeVersion | None = None
    airflow: AirflowVersion | None = None

    @classmethod
    def read(cls, runtime: str | None, airflow: str | None = None) -> Versions:
        """Read a platform's values; a value that cannot be read is unknown.

        :param runtime: text of the Runtime version; None, an empty or an unreadable text is unknown.
        :param airflow: text of the Airflow version, likewise (hosted Astro writes ``NA``).
        """
        return cls(_read_or_none(RuntimeVersion.parse, runtime), _read_or_none(AirflowVersion.parse, airflow))

    @property
    def known(self) -> bool:
        """Whether at least one of the two versions is known."""
        return self.runtime is not None or self.airflow is not None

    @property
    def airflow_series(self) -> tuple[int, int] | None:
        """Major and minor of Airflow, from the Runtime if possible, else from the Airflow version."""
        if self.runtime is not None and self.runtime.airflow_series is not None:
            return self.runtime.airflow_series
        return self.airflow.series if self.airflow is not None else None

    @property
    def airflow_major(self) -> int | None:
        """Major version of Airflow, None if no version is known."""
        if self.runtime is not None:
            return self.runtime.airflow_major
        return self.airflow.major if self.airflow is not None else None

    def is_older_than(self, other: Versions) -> bool | None:
        """Return whether going from ``other`` to this is a downgrade; None if they cannot be compared."""
        if self.runtime is not None and other.runtime is not None:
            return self.runtime < other.runtime
        mine, theirs = self.airflow_series, other.airflow_series
        if mine is None or theirs is None:
            return None
        if mine != theirs:
            return mine < theirs
        return self._is_older_within_series(other)

    def completed_by(self, other: Versions) -> Versions:
        """Take over a Runtime version that only ``other`` has, unless the two contradict each other."""
        if self.runtime is not None or other.runtime is None or self.contradicts(other):
            return self
        return Versions(other.runtime, self.airflow or other.airflow)

    def contradicts(self, other: Versions) -> bool:
        """Return whether both cannot describe the same software. A version that only one has is no
        contradiction."""
        if self.runtime is not None and other.runtime is not None:
            return self.runtime != other.runtime
        if None in (self.airflow_series, other.airflow_series):
            return (
                None not in (self.airflow_major, other.airflow_major)
                and self.airflow_major != other.airflow_major
            )
        if self.airflow_series != other.airflow_series:
            return True
        patches = self._patch, other._patch
        return None not in patches and patches[0] != patches[1]

    def _is_older_within_series(self, other: Versions) -> bool | None:
        mine, theirs = self._patch, other._patch
        if mine is None or theirs is None:
            return None
        if mine != theirs:
            return mine < theirs
        # The same Airflow comes in several Runtimes: with one of them known, the other could be older or
        # newer.
        return None if (self.runtime is None) != (other.runtime is None) else False

    @property
    def _patch(self) -> int | None:
        return self.airflow.patch if self.airflow is not None else None

    def __str__(self) -> str:
        if self.runtime is not None:
            series = self.airflow_series
            return f"Runtime {self.runtime}" + (f" (Airflow {series[0]}.{series[1]})" if series else "")
        if self.airflow is not None:
            return f"Airflow {self.airflow} (Runtime version not known)"
        return "an unknown version"


def _read_or_none(parse: Callable[[str], T], text: str | None) -> T | None:
    try:
        return parse(text) if text else None
    except InvalidVersion:
        return None


def _shown(text: object) -> str:
    if not isinstance(text, str):
        return f"A value of type {type(text).__name__}"
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}... ({len(text):,} characters)"


def _complaint(text: object) -> str:
    advice = (
        "Expected a version such as 12.1.0 (Airflow 2) or 3.1-12 (Airflow 3), or an image tag that begins "
        "with one."
    )
    if isinstance(text, str) and re.fullmatch(r"[12]\.[0-9]+\.[0-9]+.*", text[:_LONGEST_TAG]):
        advice += " This looks like an Airflow version; give a Runtime version."
    return f"{_shown(text)} is not an Astro Runtime version. {advice}"
