# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback history``: the deploys of a Deployment."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from itertools import chain, islice
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import add_connection, add_deployment, positive_int
from airflow_rollback_provider.cli.connecting import open_hook
from airflow_rollback_provider.cli.exits import Exit
from airflow_rollback_provider.domain.idempotency import without_key
from airflow_rollback_provider.domain.jsonable import encode
from airflow_rollback_provider.domain.redaction import one_line
from airflow_rollback_provider.domain.rejections import with_rejections

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.rejections import Rejection

_FIRST_PAGE = 100

EPILOG = """\
"now" marks the deploy that runs. An arrow points from a rollback to the deploy that it went back to.
"(!) brings back" marks a deploy of what was rolled back from within the 80 deploys before it.
--json prints JSON Lines, one deploy a line, while the pages are read."""
_GAP = "  "
_SAMPLE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_deployment(parser)
    add_connection(parser)
    parser.add_argument(
        "--limit",
        type=positive_int,
        default=20,
        metavar="N",
        help="number of deploys, newest first (default: %(default)s)",
    )
    parser.add_argument("--all", action="store_true", help="print the whole history, page by page")
    parser.add_argument("--json", action="store_true", help="print JSON Lines")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Print the history. Read only the pages that are needed."""
    limit = None if args.all else args.limit
    console.stop_early = True
    with open_hook(args.conn_id, debug=args.debug) as hook:
        deployment = hook.get_deployment(args.deployment)
        read = hook.deploys(deployment.id)
        # The rest of the first page is read all the same: a rollback may be in it.
        source = read if limit is None else islice(read, max(limit, _FIRST_PAGE))
        lasts = timedelta(days=hook.capabilities.retention_days)
        deploys = islice(with_rejections(source, lasts), limit)
        shown = (noted(deploy, rejection) for deploy, rejection in deploys)
        for line in _json_rows(deploys) if args.json else history_lines(shown, console.width):
            if args.json:
                console.print_json(line, indent=None)
            else:
                console.print(str(line))
    return Exit.DONE


def _json_rows(deploys: Iterable[tuple[Deploy, Rejection | None]]) -> Iterator[dict[str, object]]:
    """Yield the deploys as JSON-ready values.

    ``runs_now`` is true for the running one. ``rejected`` is None, or the rollback from what it brings back.
    """
    running_found = False
    for deploy, rejection in deploys:
        runs_now = deploy.succeeded and not running_found
        yield {**deploy.to_dict(), "runs_now": runs_now, "rejected": encode(rejection)}
        running_found = running_found or deploy.succeeded


@dataclass(frozen=True)
class Column:
    """One column of the table.

    :param title: its heading.
    :param read: returns the text of a deploy's cell.
    :param least: its least width on a narrow terminal; None: it is never cut.
    """

    title: str
    read: Callable[[Deploy], str]
    least: int | None = None


def _description(deploy: Deploy) -> str:
    """The description, for a rollback with the deploy that it went back to in front."""
    reason = without_key(deploy.description)
    return f"→ {deploy.rolled_back_to} {reason}" if deploy.is_rollback else reason


def noted(deploy: Deploy, rejection: Rejection | None) -> Deploy:
    """Return the deploy with a note in front of its description if it brings rejected content back."""
    if rejection is None:
        return deploy
    own = without_key(deploy.description)
    return replace(deploy, description=f"(!) {rejection.note}{f' · {own}' if own else ''}")


COLUMNS = (
    Column("deploy", lambda deploy: deploy.id),
    Column("when (UTC)", lambda deploy: f"{deploy.created_at.astimezone(timezone.utc):%Y-%m-%d %H:%M}"),
    Column("status", lambda deploy: str(deploy.status)),
    Column("type", lambda deploy: deploy.type, least=6),
    Column("tag", lambda deploy: deploy.image_tag or "-", least=10),
    Column("Runtime", lambda deploy: deploy.runtime_version or "-", least=7),
    Column("bundles", lambda deploy: ", ".join(map(str, deploy.bundles)) or "-", least=12),
    Column("by", lambda deploy: deploy.created_by or "-", least=8),
    Column("description", _description, least=16),
)
_NOW = "now"
# A terminal that is too narrow for the least widths drops these, in this order.
_OPTIONAL = ("type", "by", "bundles", "Runtime", "tag")


class HistoryTable:
    """Formats deploys, newest first, a line each. The first one that succeeded is marked as the running one.

    :param sample: the deploys that determine the widths of the columns.
    :param width: columns of the terminal; None cuts nothing.
    """

    def __init__(self, sample: Sequence[Deploy], width: int | None) -> None:
        named = any(deploy.bundles for deploy in sample)
        self._offered = [column for column in COLUMNS if named or column.title != "bundles"]
        self._columns, self._widths = _fitted(self._offered, sample, width)
        self._cuts = width is not None
        self._running_found = False

    def heading(self) -> str:
        return self._line("", [column.title for column in self._columns])

    def row(self, deploy: Deploy) -> str:
        """Return the line of the next older deploy."""
        runs_now = deploy.succeeded and not self._running_found
        self._running_found = self._running_found or deploy.succeeded
        cells = [one_line(column.read(deploy)) for column in self._columns]
        return self._line(_NOW if runs_now else "", cells)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Titles of the columns that do not fit in the terminal."""
        return tuple(column.title for column in self._offered if column not in self._columns)

    def _line(self, mark: str, cells: list[str]) -> str:
        if self._cuts:
            cells = [cut(cell, width) for cell, width in zip(cells, self._widths, strict=True)]
        padded = (pad(cell, width) for cell, width in zip(cells, self._widths, strict=True))
        return _GAP.join([pad(mark, len(_NOW)), *padded]).rstrip()


def history_lines(deploys: Iterable[Deploy], width: int | None = None) -> Iterator[str]:
    """Format a deploy history as a table, line by line.

    Only the first hundred deploys are kept in memory.

    :param deploys: deploys, newest first, from the latest one on.
    :param width: columns of the terminal; None, the default, cuts nothing.
    """
    rest = iter(deploys)
    sample = list(islice(rest, _SAMPLE))
    if not sample:
        yield "The deploy history is empty."
        return
    table = HistoryTable(sample, width)
    yield table.heading()
    for deploy in chain(sample, rest):
        yield table.row(deploy)
    if table.left_out:
        yield f"(No room for: {', '.join(table.left_out)}. A wider terminal or --json shows them.)"


def _fitted(
    columns: list[Column], sample: Sequence[Deploy], width: int | None
) -> tuple[list[Column], list[int]]:
    """Choose the columns that fit, and their widths."""
    widths = {column: _natural(column, sample) for column in columns}
    if width is None:
        return columns, list(widths.values())
    room = width - len(_NOW)
    for title in _OPTIONAL:
        if sum(len(_GAP) + _least(column, widths) for column in columns) <= room:
            break
        columns = [column for column in columns if column.title != title]
    _shrink(columns, widths, room)
    return columns, [widths[column] for column in columns]


def _natural(column: Column, sample: Sequence[Deploy]) -> int:
    return max(width_of(one_line(text)) for text in [column.title, *map(column.read, sample)])


def _least(column: Column, widths: dict[Column, int]) -> int:
    return widths[column] if column.least is None else min(column.least, widths[column])


def _shrink(columns: list[Column], widths: dict[Column, int], room: int) -> None:
    """Shrink the columns to fit, the last one first: descriptions are the longest."""
    excess = sum(len(_GAP) + widths[column] for column in columns) - room
    for column in reversed(columns):
        taken = max(0, min(excess, widths[column] - _least(column, widths)))
        widths[column] -= taken
        excess -= taken


def width_of(text: str) -> int:
    """Return the number of terminal columns of a text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, width: int) -> str:
    """Shorten a text to a width; a shortened text ends in an ellipsis."""
    if width_of(text) <= width:
        return text
    kept, room = "", width - 1
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept += char
    return f"{kept.rstrip()}…"


def pad(text: str, width: int) -> str:
    """Fill a text up to a width with blanks."""
    return text + " " * (width - width_of(text))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
