# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback compat``: check two versions against the compatibility rules.

This command imports no Airflow and sends no request.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.domain.compatibility import Verdict, check
from airflow_rollback_provider.domain.errors import BadInput, InvalidVersion
from airflow_rollback_provider.domain.versions import AirflowVersion, RuntimeVersion, Versions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_rollback_provider.cli.console import Console

EPILOG = """\
A version is an Astro Runtime version or an image tag that begins with one: 12.1.0, 3.1-12,
13.2.0-python-3.11. If you know only the Airflow version, write airflow:2.10.3.
Note that 3.0.4 is an old Runtime with Airflow 2, and 3.0-4 is Airflow 3.0."""

_AIRFLOW = "airflow:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="the version that the Deployment runs now")
    parser.add_argument("target", metavar="TARGET", help="the version that it would run afterwards")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Print the verdict for two versions. A refusal is exit code 1."""
    source, target = read_versions(args.source, args.target)
    verdict = check(source, target)
    if args.json:
        rule = asdict(verdict)
        rule["rule_source"] = rule.pop("source")
        console.print_json({"source": str(source), "target": str(target), **rule})
    else:
        console.print("\n".join(_lines(source, target, verdict)))
    return Exit.DONE if verdict.allowed else Exit.REFUSED


def read_versions(source: str, target: str) -> tuple[Versions, Versions]:
    """Parse both versions.

    :raises BadInput: if one cannot be parsed; the message lists the problem of each.
    """
    found, problems = [], []
    for name, text in (("SOURCE", source), ("TARGET", target)):
        try:
            found.append(_read(text))
        except InvalidVersion as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise BadInput("\n".join(problems))
    return found[0], found[1]


def _read(text: str) -> Versions:
    if text.startswith(_AIRFLOW):
        return Versions(airflow=AirflowVersion.parse(text.removeprefix(_AIRFLOW)))
    try:
        return Versions(runtime=RuntimeVersion.parse(text))
    except InvalidVersion as error:
        raise InvalidVersion(f"{error} An Airflow version is written {_AIRFLOW}2.10.3.") from None


def _lines(source: Versions, target: Versions, verdict: Verdict) -> Iterator[str]:
    yield f"{'allowed' if verdict.allowed else 'REFUSED'}: {source} → {target}"
    yield f"  rule    {verdict.code}"
    yield f"  reason  {verdict.reason}"
    yield f"  source  {verdict.source}"
    if verdict.warnings:
        yield "Warnings:"
        yield from (f"  - {'(!) ' if item.severe else ''}{item.message}" for item in verdict.warnings)
