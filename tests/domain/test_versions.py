# SPDX-License-Identifier: Apache-2.0
"""Versions: two similar styles, and all other texts."""

from __future__ import annotations

import contextlib
import itertools
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.errors import BadInput, InvalidVersion
from airflow_rollback_provider.domain.versions import AirflowVersion, RuntimeVersion, Versions

numbers = st.integers(0, 9999)
airflow_2_style = st.tuples(st.integers(3, 9999), numbers, numbers).map(lambda n: "{}.{}.{}".format(*n))
airflow_3_style = st.tuples(st.integers(3, 9999), numbers, st.integers(1, 9999)).map(
    lambda n: "{}.{}-{}".format(*n)
)
version_texts = st.one_of(airflow_2_style, airflow_3_style)
runtimes = version_texts.map(RuntimeVersion.parse)
suffixes = st.builds(
    lambda first, rest: f"-{first}{rest}",
    st.sampled_from(string.ascii_letters),
    st.text(string.ascii_letters + string.digits + "._-", max_size=40),
)

NONSENSE = [
    "",
    "latest",
    "3.1",
    "3.1-0",
    "3.1-02",
    "012.1.0",
    "12.01.0",
    "3.01-2",
    "12345.1.0",
    "v12.1.0",
    "12.1.0-1",
    "3.1-12-3",
    "12.1.0\n",
    "12.1.0-b\x00ase",
    "١٢.1.0",
    "3.1-１２",  # noqa: RUF001 - full-width digits are the point
    "12.1.0-bäse",
    "2.10.5",
    "1.10.15",
    "2.10-5",
    "NA",
    "12.1.0-" + "a" * 130,
    "quay.io/astronomer/astro-runtime:3.1-12@sha256:" + "0" * 64,
    "1" * 10_000,
]


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: repr(text[:20]))
def test_nonsense_is_refused_with_what_was_given(text: str) -> None:
    """Nothing is guessed, and the error names the text, short."""
    with pytest.raises(InvalidVersion, match="not an Astro Runtime version") as caught:
        RuntimeVersion.parse(text)
    assert repr(text[:50])[1:-1] in str(caught.value)
    assert len(str(caught.value)) < 500
    assert isinstance(caught.value, BadInput)


@pytest.mark.parametrize("value", [None, 12, 3.1, b"12.1.0", ["12.1.0"], pytest.param(10**5000, id="huge")])
def test_what_is_no_text_is_refused(value: Any) -> None:
    """A value of another type is refused like nonsense, naming the type."""
    with pytest.raises(InvalidVersion, match=type(value).__name__):
        RuntimeVersion.parse(value)
    with pytest.raises(InvalidVersion, match=type(value).__name__):
        AirflowVersion.parse(value)


@pytest.mark.parametrize("text", ["2.10.5", "1.10.15", "2.11.0-python-3.11"])
def test_an_airflow_version_is_named_as_such(text: str) -> None:
    """The commonest mistake gets advice of its own, and nothing else does."""
    with pytest.raises(InvalidVersion, match="looks like an Airflow version"):
        RuntimeVersion.parse(text)
    with pytest.raises(InvalidVersion) as caught:
        RuntimeVersion.parse("12.1.0.0")
    assert "looks like" not in str(caught.value)


def test_the_length_of_a_long_text_is_told() -> None:
    """10,000 characters are not repeated in the error."""
    with pytest.raises(InvalidVersion, match=r"\(10,000 characters\)"):
        RuntimeVersion.parse("x" * 10_000)


@pytest.mark.parametrize(
    ("text", "airflow_major", "parts", "series"),
    [
        ("3.0.4", 2, (3, 0, 4), (2, 1)),
        ("3.0-4", 3, (3, 0, 4), (3, 0)),
        ("4.2.9", 2, (4, 2, 9), (2, 2)),
        ("12.1.0-base", 2, (12, 1, 0), (2, 10)),
        ("13.2.0-python-3.11", 2, (13, 2, 0), (2, 11)),
        ("14.0.0", 2, (14, 0, 0), None),
        ("3.1-12-python-3.12-base", 3, (3, 1, 12), (3, 1)),
        ("4.0-1", 4, (4, 0, 1), (4, 0)),
    ],
)
def test_both_styles_are_read(
    text: str, airflow_major: int, parts: tuple[int, int, int], series: tuple[int, int] | None
) -> None:
    """A dot or a hyphen before the third number decides which Airflow is inside."""
    version = RuntimeVersion.parse(text)
    assert (version.airflow_major, version.numbers, version.airflow_series) == (airflow_major, parts, series)


def test_a_tag_of_the_longest_length_is_read() -> None:
    """Docker allows 128 characters; one more is no tag."""
    tag = "12.1.0-".ljust(128, "a")
    assert str(RuntimeVersion.parse(tag)) == "12.1.0"
    with pytest.raises(InvalidVersion):
        RuntimeVersion.parse(tag + "a")


def test_the_look_alikes_are_never_confused() -> None:
    """3.0.4 is an old Airflow 2 Runtime, 3.0-4 is Airflow 3.0: unequal, and ordered by their Airflow."""
    old, new = RuntimeVersion.parse("3.0.4"), RuntimeVersion.parse("3.0-4")
    assert old != new
    assert hash(old) != hash(new)
    assert old < new
    assert RuntimeVersion.parse("99.0.0") < new
    assert str(old) == "3.0.4"
    assert str(new) == "3.0-4"


@given(version_texts, suffixes)
def test_a_suffix_does_not_change_the_version(text: str, suffix: str) -> None:
    """An image tag means the version that it begins with, equal and with the same hash and text."""
    plain, tagged = RuntimeVersion.parse(text), RuntimeVersion.parse(text + suffix)
    assert str(plain) == str(tagged) == text
    assert plain == tagged
    assert hash(plain) == hash(tagged)
    assert not plain < tagged
    assert plain <= tagged


@given(runtimes, runtimes, runtimes)
def test_the_order_is_total(a: RuntimeVersion, b: RuntimeVersion, c: RuntimeVersion) -> None:
    """Exactly one of <, == and > holds; the order is transitive and agrees with equality and hashes."""
    assert [a < b, a == b, a > b].count(True) == 1
    assert (a <= b) == (a < b or a == b)
    assert (a >= b) == (b <= a)
    for x, y, z in itertools.permutations((a, b, c)):
        assert not (x < y and y < z) or x < z
    assert a != b or hash(a) == hash(b)


@pytest.mark.parametrize("version", [RuntimeVersion.parse("12.1.0"), AirflowVersion.parse("2.10.5")])
def test_a_version_is_not_compared_with_anything_else(version: Any) -> None:
    """A text, a tuple or the other kind of version has no order with it and is not equal."""
    for other in ("12.1.0", (12, 1, 0), None, Versions()):
        assert version != other
        with pytest.raises(TypeError):
            assert version < other


@given(st.text() | st.from_regex(r"[0-9.\-a-z]{1,30}", fullmatch=True))
def test_any_text_is_a_version_or_an_error(text: str) -> None:
    """No text leads to another exception, and what is read prints as the beginning of the text."""
    for parse in (RuntimeVersion.parse, AirflowVersion.parse):
        with contextlib.suppress(InvalidVersion):
            assert text.startswith(str(parse(text)))


@pytest.mark.parametrize(
    ("text", "printed", "series"),
    [
        ("2.10.5", "2.10.5", (2, 10)),
        ("2.10", "2.10", (2, 10)),
        ("2.10.5+astro.1", "2.10.5", (2, 10)),
        ("3.1.0", "3.1.0", (3, 1)),
    ],
)
def test_airflow_versions_are_read(text: str, printed: str, series: tuple[int, int]) -> None:
    """With or without a patch, with the suffix of Astronomer's builds."""
    version = AirflowVersion.parse(text)
    assert (str(version), version.series) == (printed, series)


@pytest.mark.parametrize("text", ["", "NA", "2", "2.10.5.1", "02.10.5", "2.10.05", "2.10.5\n", "2." * 5000])
def test_what_is_no_airflow_version_is_refused(text: str) -> None:
    """The error names the expected form."""
    with pytest.raises(InvalidVersion, match=r"Expected MAJOR\.MINOR\.PATCH"):
        AirflowVersion.parse(text)


def test_airflow_versions_are_ordered() -> None:
    """By number; a series alone comes before its first patch."""
    texts = ["2.9.3", "2.10", "2.10.0", "2.10.2", "2.10.10", "3.0.0"]
    parsed = [AirflowVersion.parse(text) for text in texts]
    assert sorted([*parsed[3:], *parsed[:3]]) == parsed
    assert all(a < b for a, b in itertools.pairwise(parsed))


@pytest.mark.parametrize(
    ("runtime", "airflow", "known", "major", "series", "printed"),
    [
        ("3.1-12", None, True, 3, (3, 1), "Runtime 3.1-12 (Airflow 3.1)"),
        ("12.1.0", "3.1.0", True, 2, (2, 10), "Runtime 12.1.0 (Airflow 2.10)"),
        ("14.0.0", None, True, 2, None, "Runtime 14.0.0"),
        ("14.0.0", "2.12.1", True, 2, (2, 12), "Runtime 14.0.0 (Airflow 2.12)"),
        (None, "2.10.5", True, 2, (2, 10), "Airflow 2.10.5 (Runtime version not known)"),
        ("latest", "3.1.0", True, 3, (3, 1), "Airflow 3.1.0 (Runtime version not known)"),
        (None, "NA", False, None, None, "an unknown version"),
        ("", "", False, None, None, "an unknown version"),
    ],
)
def test_the_runtime_decides_where_it_is_known(
    runtime: str | None,
    airflow: str | None,
    known: bool,
    major: int | None,
    series: tuple[int, int] | None,
    printed: str,
) -> None:
    """An unreadable value is unknown, never an error: platforms may write any text."""
    versions = Versions.read(runtime, airflow)
    assert (versions.known, versions.airflow_major, versions.airflow_series) == (known, major, series)
    assert str(versions) == printed


@pytest.mark.parametrize(
    ("mine", "theirs", "older"),
    [
        (("12.1.0", None), ("13.0.0", None), True),
        (("13.0.0", None), ("12.1.0", None), False),
        (("13.2.0", None), ("3.1-2", None), True),
        (("12.1.0", "2.10.5"), ("12.1.0", "2.10.9"), False),
        ((None, "2.10.5"), ("3.1-2", None), True),
        ((None, "2.10.5"), (None, "2.10.6"), True),
        ((None, "2.10.6"), (None, "2.10.5"), False),
        ((None, "2.10.5"), (None, "2.10.5"), False),
        ((None, "2.10"), (None, "2.10"), None),
        ((None, "2.10"), (None, "2.10.5"), None),
        ((None, "2.10.5"), (None, "2.10"), None),
        ((None, "2.9"), (None, "2.10"), True),
        (("12.1.0", None), (None, "2.10.5"), None),
        (("12.1.0", "2.10.5"), (None, "2.10.5"), None),
        (("12.1.0", "2.10.4"), (None, "2.10.5"), True),
        ((None, None), ("12.1.0", None), None),
        (("14.0.0", None), (None, "2.10.5"), None),
    ],
)
def test_a_downgrade_is_told_only_where_it_can_be(mine: Any, theirs: Any, older: bool | None) -> None:
    """Two versions of which too little is known are neither older nor younger."""
    assert Versions.read(*mine).is_older_than(Versions.read(*theirs)) is older


@pytest.mark.parametrize(
    ("mine", "theirs", "contradiction"),
    [
        (("12.1.0", None), ("12.1.0-base", None), False),
        (("12.1.0", None), ("12.2.0", None), True),
        (("12.1.0", None), (None, "2.10.5"), False),
        (("12.1.0", None), (None, "2.11.0"), True),
        (("3.1-2", None), (None, "2.11.0"), True),
        ((None, "2.10.5"), (None, "2.10.6"), True),
        ((None, "2.10.5"), (None, "2.10.5"), False),
        ((None, "2.10"), (None, "2.10.5"), False),
        (("14.0.0", None), (None, "3.1.0"), True),
        (("14.0.0", None), (None, "2.12.0"), False),
        ((None, None), ("12.1.0", None), False),
    ],
)
def test_only_what_both_know_can_contradict(mine: Any, theirs: Any, contradiction: bool) -> None:
    """The answer is the same from both sides."""
    left, right = Versions.read(*mine), Versions.read(*theirs)
    assert left.contradicts(right) is right.contradicts(left) is contradiction


def test_a_missing_runtime_is_completed_unless_contradicted() -> None:
    """A Deployment with a known Airflow version alone takes the Runtime from its deploy."""
    runtime = RuntimeVersion.parse("3.1-12")
    deployment, deployed = Versions.read(None, "3.1.8"), Versions.read("3.1-12")
    assert deployment.completed_by(deployed) == Versions(runtime, AirflowVersion(3, 1, 8))
    assert Versions().completed_by(Versions.read("3.1-12", "3.1.8")).airflow == AirflowVersion(3, 1, 8)
    for other in (Versions.read("13.0.0"), Versions.read("3.1-12", "3.1.7"), Versions.read(None, "3.1.8")):
        assert deployment.completed_by(other) == deployment
    known = Versions.read("12.1.0")
    assert known.completed_by(Versions.read("12.2.0")) is known
