# SPDX-License-Identifier: Apache-2.0
"""What the commands print with: results to stdout, everything about them to stderr."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

from airflow_rollback_provider.cli.text import clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


class Console:
    """The streams of one run of the command.

    :param out: for results.
    :param err: for errors, questions and progress of no lasting interest.
    :param source: where answers are read.
    """

    def __init__(self, out: TextIO, err: TextIO, source: TextIO) -> None:
        self._out = out
        self._err = err
        self._in = source
        self.must_go_on = False
        """Whether work has begun that a reader who has left must not stop (``airflow-rollback … | head``)."""

    @classmethod
    def of_process(cls) -> Console:
        """Take the process's streams; a character that their encoding lacks becomes a question mark."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return cls(sys.stdout, sys.stderr, sys.stdin)

    @property
    def width(self) -> int | None:
        """Columns of the terminal, or None when stdout is not one."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    @property
    def can_ask(self) -> bool:
        """Whether a person can read a question and answer it."""
        return self._in.isatty() and self._err.isatty()

    def say(self, text: str) -> None:
        """Print a line or several to stdout.

        :raises BrokenPipeError: when nobody reads any more, unless ``must_go_on`` is set.
        """
        try:
            self._out.write(f"{clean_lines(text)}\n")
            self._out.flush()
        except BrokenPipeError:
            self.hang_up()
            if not self.must_go_on:
                raise

    def say_json(self, value: Any, indent: int | None = 2) -> None:
        """Print JSON to stdout. Control characters are escaped by JSON itself."""
        self.say(json.dumps(value, ensure_ascii=False, indent=indent))

    def tell(self, text: str) -> None:
        """Print to stderr."""
        try:
            self._err.write(f"{clean_lines(text)}\n")
            self._err.flush()
        except BrokenPipeError:
            pass

    def ask(self, question: str) -> str:
        """Ask a person and return the answer, empty at the end of input."""
        self._err.write(question)
        self._err.flush()
        return self._in.readline().strip()

    def read_input(self) -> str:
        """Read all of stdin."""
        return self._in.read()

    def hang_up(self) -> None:
        """Let the interpreter's flush at the end go nowhere instead of complaining about a broken pipe."""
        try:
            number = self._out.fileno()
        except (OSError, ValueError):
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


@contextmanager
def quiet(debug: bool) -> Iterator[None]:
    """Keep what Airflow and its libraries print and log off the streams.

    Airflow logs to stdout, which belongs to the command's result, and to stderr when it makes a configuration
    for a fresh machine. The console keeps the true streams.

    :param debug: send all of it to stderr instead of nowhere.
    """
    if debug:
        with redirect_stdout(sys.stderr):
            yield
        return
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield
