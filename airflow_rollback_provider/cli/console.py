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

from airflow_rollback_provider.cli.exits import OutputFailed
from airflow_rollback_provider.domain.redaction import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator


class Console:
    """The streams of one run of the command. Each may be closed, before the command starts or at any time.

    :param out: for results.
    :param err: for errors and prompts.
    :param source: for the answers to prompts.
    """

    def __init__(self, out: TextIO | None, err: TextIO | None, source: TextIO | None) -> None:
        self._out = out
        self._err = err
        self._in = source
        self.keep_going = False
        """Whether to go on without the output when it cannot be written, as during a rollback."""
        self.must_show = False
        """Whether the command must not go on without a reader, as before a rollback."""
        self.stop_early = False
        """Whether a reader that has read enough (``airflow-rollback … | head``) ends the command."""

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
        return shutil.get_terminal_size().columns if _is_terminal(self._out) else None

    @property
    def is_interactive(self) -> bool:
        """Whether stdin and stderr are a terminal."""
        return _is_terminal(self._in) and _is_terminal(self._err)

    def print(self, text: str) -> None:
        """Print one or several lines to stdout.

        :raises BrokenPipeError: if the reader has gone, with ``stop_early``.
        :raises OutputFailed: if stdout cannot be written for another reason, or with ``must_show`` for that
            one too, unless ``keep_going`` is set.
        """
        self._print(printable(text))

    def print_json(self, value: Any, indent: int | None = 2) -> None:
        """Print JSON to stdout. It is exact: all characters but those of ASCII are escaped."""
        self._print(json.dumps(value, indent=indent))

    def _print(self, text: str) -> None:
        try:
            _write(self._out, f"{text}\n")
        except BrokenPipeError:
            _discard(self._out)
            if self.stop_early:
                raise
            if self.must_show and not self.keep_going:
                raise OutputFailed("The output cannot be written: its reader has gone.") from None
        except (OSError, ValueError) as error:
            _discard(self._out)
            if not self.keep_going:
                raise OutputFailed(f"The output cannot be written: {error}.") from None

    def print_error(self, text: str) -> None:
        """Print to stderr, if that is possible: the exit code says the rest."""
        try:
            _write(self._err, f"{printable(text)}\n")
        except (OSError, ValueError):
            _discard(self._err)

    def prompt(self, question: str) -> str:
        """Print a question to stderr and return the answer; it is empty at the end of input."""
        try:
            _write(self._err, f"{one_line(question)} ")
        except (OSError, ValueError):
            return ""
        return self.read_input(line=True).strip()

    def read_input(self, *, line: bool = False) -> str:
        """Read all of stdin, or one line.

        :raises OSError: if it is closed.
        """
        if self._in is None:
            raise OSError("stdin is closed")
        return self._in.readline() if line else self._in.read()

    def end(self) -> None:
        """Flush the streams, so that the interpreter finds nothing that it could fail to write."""
        for stream in (self._out, self._err):
            try:
                _write(stream, "")
            except (OSError, ValueError):
                _discard(stream)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        raise OSError("it is closed")
    stream.write(text)
    stream.flush()


def _discard(stream: TextIO | None) -> None:
    """Send what is left in a stream to the null device, where the interpreter's final flush succeeds."""
    try:
        number = stream.fileno() if stream is not None else None
        null = os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):
        return
    if number is not None and number != null:
        os.dup2(null, number)
    if number != null:
        os.close(null)


@contextmanager
def quiet(debug: bool) -> Iterator[None]:
    """Suppress what Airflow and its libraries print and log.

    Airflow logs to stdout, where only the command's result belongs, and to stderr when it creates its
    configuration on a fresh machine. The console keeps the original streams.

    :param debug: send all of it to stderr instead.
    """
    if debug and sys.stderr is not None:
        with redirect_stdout(sys.stderr):
            yield
        return
    with (
        open(os.devnull, "w", encoding="utf-8") as null,
        redirect_stdout(null),
        redirect_stderr(null),
    ):
        yield
