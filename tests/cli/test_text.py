# SPDX-License-Identifier: Apache-2.0
"""Text in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.cli.text import cut, pad, width_of
from airflow_rollback_provider.domain.redaction import one_line, printable


@given(st.text())
def test_cleaned_text_has_no_control_characters(text: str) -> None:
    """Any description becomes one printable line."""
    assert one_line(text).isprintable()
    assert all(line.isprintable() for line in printable(text).split("\n"))


def test_cleaning_keeps_the_words() -> None:
    """Escape sequences lose their escape, line breaks become blanks, the rest stays."""
    assert one_line("fix\n\tbilling \x1b[2Jnow \u202eexe") == "fix billing [2Jnow exe"


def test_cleaning_lines_keeps_lines_and_indentation() -> None:
    """A plan keeps its layout."""
    assert printable("Plan\n  - a\rb") == "Plan\n  - a b"


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
