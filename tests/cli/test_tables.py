# SPDX-License-Identifier: Apache-2.0
"""The table of a deploy history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.cli.commands.history import cut, history_lines, pad, width_of
from airflow_rollback_provider.domain.deploys import Deploy, DeployStatus, NamedBundle

_LATEST = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)


def _deploy(number: int, **fields: object) -> Deploy:
    deploy = Deploy(
        id=f"cdeploy{number:018}",
        deployment_id="cdeployment",
        created_at=_LATEST - timedelta(hours=number),
        status=DeployStatus.SUCCEEDED,
        type="IMAGE_ONLY",
        image_tag=f"release-{number}",
        runtime_version="3.1-12",
        created_by="Ann Editor",
        description=f"Release {number} of the billing project, with a sentence about it",
    )
    return replace(deploy, **fields)  # type: ignore[arg-type]  # fields of Deploy by name


def _table(deploys: Iterable[Deploy], width: int | None = None) -> str:
    return "\n".join(history_lines(deploys, width))


_HISTORY = [
    _deploy(0, status=DeployStatus.FAILED),
    _deploy(1, rolled_back_to=_deploy(3).id, description="Bad prices [idempotency-key:0123456789abcdef0123]"),
    _deploy(2),
    _deploy(3),
]


def test_what_runs_now_is_json_rows_once() -> None:
    """The latest deploy that succeeded runs now: not a failed one above it, nothing below it."""
    lines = _table(_HISTORY).splitlines()
    assert [line.startswith("now") for line in lines] == [False, False, True, False, False]


def test_a_rollback_points_to_what_it_went_back_to() -> None:
    """The arrow points to the id of that deploy, and the tag is left out."""
    rollback = _table(_HISTORY).splitlines()[2]
    assert rollback.endswith(f"→ {_HISTORY[3].id} Bad prices")


def test_times_are_in_utc_and_the_heading_says_so() -> None:
    """A deploy made at half past nine in Berlin is listed at half past eight."""
    berlin = timezone(timedelta(hours=1))
    table = _table([_deploy(0, created_at=datetime(2026, 11, 23, 9, 30, tzinfo=berlin))])
    assert "when (UTC)" in table
    assert "2026-11-23 08:30" in table


def test_columns_line_up() -> None:
    """Every cell of a column begins under its heading."""
    head, *rows = _table(_HISTORY).splitlines()
    for heading, cells in {
        "status": ("failed", "succeeded", "succeeded", "succeeded"),
        "Runtime": ("3.1-12",) * 4,
    }.items():
        at = head.index(heading)
        assert all(row[at:].startswith(cell) for row, cell in zip(rows, cells, strict=True))


@pytest.mark.parametrize("width", [200, 110, 80])
def test_the_table_fits_the_terminal(width: int) -> None:
    """Descriptions shrink first, then columns go; ids are never cut, because users copy them."""
    lines = _table(_HISTORY, width).splitlines()
    assert max(map(width_of, lines)) <= width
    assert all(deploy.id in line for deploy, line in zip(_HISTORY, lines[1:], strict=False))


def test_columns_without_room_are_named() -> None:
    """The table of a narrow terminal names the columns that it leaves out."""
    assert "No room for: type, by." in _table(_HISTORY, 105).splitlines()[-1]
    assert "No room for" not in _table(_HISTORY, 200)


def test_without_a_terminal_nothing_is_cut() -> None:
    """Text for a file or a pipe is complete."""
    assert _HISTORY[2].description in _table(_HISTORY)


def test_descriptions_cannot_steer_the_terminal() -> None:
    """Escape sequences and line breaks in a description become text on its own line."""
    table = _table([_deploy(0, description="bad\x1b[2J\nnow  forged line")])
    assert "\x1b" not in table
    assert len(table.splitlines()) == 2


def test_named_bundles_have_a_column_where_there_are_any() -> None:
    """Name and version; a deploy without bundles has a dash."""
    rows = [_deploy(0, bundles=(NamedBundle("dbt/prices", "7"),)), _deploy(1)]
    head, first, second = _table(rows).splitlines()
    at = head.index("bundles")
    assert first[at:].startswith("dbt/prices 7")
    assert second[at:].startswith("- ")
    assert "bundles" not in _table(_HISTORY)
    assert "bundles" not in _table(_HISTORY, 80)


def test_a_missing_value_is_a_dash() -> None:
    """A row without a tag, Runtime or author is listed like any other."""
    bare = Deploy(id="c1", deployment_id="c0", created_at=_LATEST, status=DeployStatus.UNKNOWN)
    assert _table([bare]).splitlines()[1].split() == [
        "c1",
        "2026-11-23",
        "09:30",
        "unknown",
        "-",
        "-",
        "-",
    ]


def test_a_long_history_is_streamed() -> None:
    """The first lines come before more than a sample was read, however long the history is."""
    read = 0

    def endless() -> Iterator[Deploy]:
        nonlocal read
        while True:
            read += 1
            yield _deploy(read)

    lines = history_lines(endless())
    assert next(lines).strip().startswith("deploy")
    next(lines)
    assert read <= 100


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("Zürich", 6), ("u\u0308", 1), ("日本", 4), ("→", 1), ("", 0)]
)
def test_width_counts_columns_not_characters(text: str, width: int) -> None:
    """East Asian characters take two columns, combining ones none."""
    assert width_of(text) == width


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_cut_text_fits_and_begins_like_the_whole(text: str, width: int) -> None:
    """Text that fits is left alone; other text ends in an ellipsis within the width."""
    shortened = cut(text, width)
    assert width_of(shortened) <= width
    if shortened != text:
        assert width_of(text) > width
        assert text.startswith(shortened.removesuffix("…"))


def test_padding_fills_up_and_never_cuts() -> None:
    """A cell that is too wide pushes the next one aside."""
    assert (pad("日", 4), pad("abcdef", 4)) == ("日  ", "abcdef")
