# SPDX-License-Identifier: Apache-2.0
"""Words that were replaced stay out of code, tests, documents and the page."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("airflow_rollback_provider", "benchmarks", "demo", "docs", "example_dags", "scripts", "tests")
SUFFIXES = {".py", ".md", ".ts", ".tsx", ".css", ".graphql", ".html"}

# A part of an identifier, or a word of a sentence -> the word to use. The keys are regular expressions.
WORDS = {
    "wish(es|ed)?": "idempotency key",
    "intents?": "idempotency key",
    "fences?": "pre-submit guards",
    "tellers?": "callbacks",
    "whereabouts": "self_target",
    "agendas?": "poller",
    "sittings?": "health check",
    "judg(e|es|ed|ing|ement|ements|ment)": "evaluate, evaluation; check for rules",
    "patience": "retry state",
    "pace": "poll back-off",
    "dice": "rng",
    "stead(y|iness)": "stable, min_ready_seconds",
    "quieten(s|ed|ing)?": "drain",
    "conversations?": "flow",
    "lookouts?": "subscription",
    "sightings?": "poll result",
    "arrivals?": "wait result",
    "bookmarks?": "cursor",
    "overtak(e|es|en|ing)": "supersede",
    "rulebooks?": "compatibility rules",
    "examin(e|es|ed|ing|ation|ations)": "check",
    "mend(s|ed|ing)?": "fix",
    "resembl(e|es|ed|ance)": "similar, similarity",
    "hasty": "interactive",
    "hushed": "quiet",
    "consent": "confirmation",
    "struck|strikes?": "inject, injected",
    "whoever": "name the subject",
}

# Whole names that were replaced -> the name to use.
NAMES = {
    "rollback_conn_id": "astro_conn_id",
    "dry_run": "plan_only",
    "busy_timeout": "in_progress_timeout",
    "expected_current": "expected_current_deploy_id",
    "on_planned": "on_planned_callback",
    "on_submitted": "on_submitted_callback",
    "on_done": "on_success_callback",
    "on_failed": "on_failure_callback",
    "must_rest": "fail_on_timeout",
    "keep_running": "exclude_dags",
    "also_rollbacks": "allow_after_rollback",
    "await_for_deploy": "wait_for_deploy",
    "last_words": "failure report",
    "OUT_OF_SIGHT": "UNKNOWN",
    "JudgeDeployOperator": "DeployHealthOperator",
    "PrepareDeploymentOperator": "DrainDeploymentOperator",
    "RestoreDeploymentOperator": "ResumeDeploymentOperator",
}

# Phrases of sentences -> what to write.
PHRASES = {
    r"\bnobody (asks|looks)\b": "the check is skipped, it is not read",
    r"\b(the|a|its|'s) mark\b": "tag, idempotency key",
    r"\bnewest\b(?![ -]first)": "latest",
    r"\bout of sight\b": "unknown",
}

# Where an old word has a meaning of its own: Airflow's names and other projects' titles.
ALLOWED = (
    r"BaseOperator\.dry_run",
    r'"dry_run": False',  # of Airflow's own API
    r"`?dry_run`? (is|of) (a method of )?(Airflow|BaseOperator)",
    r"pytest\.mark",
    r"[Ii]ntentional\w*",
    r"benchmarks[./]judge|BENCHMARKS=judge",
    r"import .*\bjudge, page\b.*",
    r'"judge": judge\.run',
)

_PHRASES = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in PHRASES.items()}
_OLD = re.compile("|".join(WORDS))
_ALLOWED = re.compile("|".join(ALLOWED))
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@cache
def _instead(name: str) -> dict[str, str]:
    """Return the old words of one identifier or word of a sentence, each with what to write instead."""
    found = {name: NAMES[name]} if name in NAMES else {}
    for part in _PART.findall(name):
        word = part.lower()
        if _OLD.fullmatch(word):
            found[word] = next(use for pattern, use in WORDS.items() if re.fullmatch(pattern, word))
    return found


def old_words(text: str) -> dict[str, str]:
    """Return the old words of a text, each with what to write instead."""
    text = _ALLOWED.sub(" ", text)
    found = {}
    for name in _IDENTIFIER.findall(text):
        found.update(_instead(name))
    for pattern, instead in _PHRASES.items():
        for match in pattern.finditer(text):
            found[match[0].lower()] = instead
    return found


def _files() -> list[Path]:
    files = [*ROOT.glob("*.md"), *(ROOT / "page" / "src").rglob("*")]
    for folder in FOLDERS:
        files.extend((ROOT / folder).rglob("*"))
    skipped = {"node_modules", "dist", "__pycache__"}
    return sorted(
        file
        for file in files
        if file.suffix in SUFFIXES
        and not skipped & set(file.relative_to(ROOT).parts)
        and file != Path(__file__).resolve()
    )


def _offenders(file: Path) -> dict[str, list[int]]:
    """Return the old words of a file with their lines; line 0 is the file's own name."""
    lines: dict[str, list[int]] = defaultdict(list)
    texts = [str(file.relative_to(ROOT)), *file.read_text(encoding="utf-8").splitlines()]
    for number, text in enumerate(texts):
        for word, instead in old_words(text).items():
            lines[f"{word} -> {instead}"].append(number)
    return lines


def test_old_words_stay_out() -> None:
    """The message lists the words of each file with their lines, and what to write instead."""
    report = []
    for file in _files():
        for word, lines in sorted(_offenders(file).items()):
            report.append(f"{file.relative_to(ROOT)}: {word} (lines {', '.join(map(str, lines))})")
    if report:
        pytest.fail("\n".join([f"{len(report)} old words:", *report]), pytrace=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def wish_of(task)", {"wish"}),
        ("class TheFence:", {"fence"}),
        ("NOT-STEADY", {"steady"}),
        ("JudgeDeployOperator(dry_run=True)", {"judge", "JudgeDeployOperator", "dry_run"}),
        ("the newest deploy is not read, since nobody looks", {"newest", "nobody looks"}),
        ("BaseOperator.dry_run, @pytest.mark.matrix, newest first, intentionally, space, swish", set()),
    ],
)
def test_words_are_found_in_names_and_sentences(text: str, expected: set[str]) -> None:
    """Names are split at underscores and capitals; a word within a longer one is another word."""
    assert set(old_words(text)) == expected
