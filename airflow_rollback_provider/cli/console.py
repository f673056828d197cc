# SPDX-License-Identifier: Apache-2.0
"""The output of the commands: results go to stdout, everything else to stderr."""

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
    :param err: for errors and prompts.
    :param source: for the answers to prompts.
    """

    def __init__(self, out: TextIO, err: TextIO, source: TextIO) -> None:
        self._out = out
        self._err = err
        self._in = source
        self.ignore_broken_pipe = False
        """Whether to go on when stdout is closed (``airflow-rollback … | head``), as during a rollback."""

    @classmethod
    def of_process(cls) -> Console:
        """Use the process's streams. A character that their encoding lacks becomes a question mark."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return cls(sys.stdout, sys.stderr, sys.stdin)

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None if stdout is not a terminal."""
        return shutil.get_terminal_size().columns if self._out.isatty() else None

    @property
    def is_interactive(self) -> bool:
        """Whether stdin and stderr are a terminal."""
        return self._in.isatty() and self._err.isatty()

    def print(self, text: str) -> None:
        """Print one or several lines to stdout.

        :raises BrokenPipeError: if stdout is closed, unless ``ignore_broken_pipe`` is set.
        """
        try:
            self._out.write(f"{clean_lines(text)}\n")
            self._out.flush()
        except BrokenPipeError:
            self.discard_output()
            if not self.ignore_broken_pipe:
                raise

    def print_json(self, value: Any, indent: int | None = 2) -> None:
        """Print JSON to stdout. JSON itself escapes control characters."""
        self.print(json.dumps(value, ensure_ascii=False, indent=indent))

    def print_error(self, text: str) -> None:
        """Print to stderr."""
        try:
            self._err.write(f"{clean_lines(text)}\n")
            self._err.flush()
        except BrokenPipeError:
            pass

    def prompt(self, question: str) -> str:
        """Print a question to stderr and return the answer; it is empty at the end of input."""
        self._err.write(question)
        self._err.flush()
        return self._in.readline().strip()

    def read_input(self) -> str:
        """Read all of stdin."""
        return self._in.read()

    def discard_output(self) -> None:
        """Send the interpreter's final flush to the null device, where it raises no BrokenPipeError."""
        try:
            number = self._out.fileno()
        except (OSError, ValueError):
            return
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)


@contextmanager
def quiet(debug: bool) -> Iterator[None]:
    """Suppress what Airflow and its libraries print and log.

    Airflow logs to stdout, where only the command's result belongs, and to stderr when it creates its
    configuration on a fresh machine. The console keeps the original streams.

    :param debug: send all of it to stderr instead.
    """
    if debug:
        with redirect_stdout(sys.stderr):
            yield
        return
    with (
        open(os.devnull, "w", encoding="utf-8") as null,
        redirect_stdout(null),
        redirect_stderr(null),
    ):
        yield
