# SPDX-License-Identifier: Apache-2.0
"""Foreign texts are repeated without credentials and without control characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_rollback_provider.domain.redaction import one_line, printable, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl-_x"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("at postgresql://airflow:s3cret@db:5432/airflow", "at postgresql://***@db:5432/airflow"),
        ("postgresql+psycopg2://u:p%40ss@db", "postgresql+psycopg2://***@db"),
        ("postgresql://u:p@ss/w#rd@db/x", "postgresql://***@db/x"),
        ("redis://:s3cret@redis:6379/0", "redis://***@redis:6379/0"),
        ("https://ghp_s3cret@github.com/o/r", "https://***@github.com/o/r"),
        ("amqp://u:s3cret@a;amqp://u:s3cret@b", "amqp://***@b"),
        ("curl -H 'Authorization: Bearer abc.def-123'", "curl -H 'Authorization: ***'"),
        ("{'Authorization': 'Basic dTpwYXNz', 'x': 1}", "{'Authorization': '***', 'x': 1}"),
        ("authorization: s3cret", "authorization: ***"),
        ("sent Bearer 0123456789abcdef", "sent Bearer ***"),
        ("sent basic dTpwYXNzd29yZA==", "sent basic ***"),
        (f"token {JWT}.", "token ***"),
        (f"id={JWT}&x=1", "id=***&x=1"),
        ("host=db password=s3cret dbname=a", "host=db password=*** dbname=a"),
        ("?api_key=s3cret&page=2", "?api_key=***&page=2"),
    ],
)
def test_credentials_are_removed(text: str, safe: str) -> None:
    """The place and the reason of the failure stay."""
    assert redact(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        "Failed to pull image r:5000/a@sha256:abc: Get https://r:5000/v2/a/manifests/1: not found",
        "KeyError: '__var'",
        "FATAL: password authentication failed for user airflow",
        "Bearer token is missing",
        "connection to db:5432 refused, mail admin@example.com",
    ],
)
def test_the_rest_stays(text: str) -> None:
    """Other texts are not changed."""
    assert redact(text) == text


PARTS = st.text(st.characters(codec="ascii", exclude_categories=("Zs", "Cc")), min_size=8, max_size=40)


@given(PARTS, st.sampled_from(["", " ", "x", "\n"]))
def test_no_password_of_a_url_is_left(password: str, around: str) -> None:
    """This holds for any characters except blanks."""
    text = f"{around}postgresql://airflow:{password}@db.example.com/airflow{around}"
    assert password not in redact(text)


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
