# SPDX-License-Identifier: Apache-2.0
"""The entry point: parse the arguments, run the command, turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from typing import TYPE_CHECKING

from airflow_rollback_provider import __version__
from airflow_rollback_provider.cli.console import Console
from airflow_rollback_provider.cli.exits import CommandUnavailable, Exit, exit_of, exit_table
from airflow_rollback_provider.domain.errors import RollbackError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "airflow-rollback"

COMMANDS = {
    "compat": "check whether a rollback between two versions is supported",
    "history": "list the deploys of a Deployment",
    "plan": "show what a rollback would do and whether it is allowed; change nothing",
    "roll-back": "roll a Deployment back and track it to the end",
    "doctor": "find what is wrong with a connection and how to fix it; change nothing",
    "sandbox": "run the embedded platform on this machine",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    :param argv: the arguments without the program's name; None takes the process's.
    :return: the exit code, see :class:`Exit`.
    """
    console = Console.of_process()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments, console)
    finally:
        console.end()


def _run(arguments: Sequence[str], console: Console) -> int:
    try:
        try:
            args = read_arguments(arguments)
        except SystemExit as end:  # argparse has printed its help, the version or an error
            return int(end.code or 0)
        return int(args.run(args, console))
    except RollbackError as error:
        return fail(error, console, debug="--debug" in arguments)
    except SystemExit as end:  # such as in airflow_local_settings: it must not look like a success
        ended = f"Code outside of this package ended the command (SystemExit: {end.code})."
        return fail(CommandUnavailable(ended), console)
    except BrokenPipeError:  # as in `… | head`
        return Exit.DONE
    except KeyboardInterrupt:
        return _fail(console, f"{PROGRAM}: interrupted; nothing was submitted.", Exit.INTERRUPTED)
    except Exception:  # noqa: BLE001 - exit code 1 means "refused"; a defect must not look like that
        defect = f"{traceback.format_exc()}{PROGRAM}: this is an error in the package."
        return _fail(console, defect, Exit.BUG)


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. Only the module of the named command is imported."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    return make_parser(command).parse_args(arguments)


def make_parser(command: str) -> argparse.ArgumentParser:
    """Build the parser, with the options of one command.

    :param command: its name; the parser lists the other commands with a line each.
    """
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Roll an Astro Deployment back to an earlier deploy.",
        epilog=exit_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        described = f"{summary[0].upper()}{summary[1:]}."
        # Nobody agrees to something by an abbreviation.
        sub = commands.add_parser(name, help=summary, description=described, allow_abbrev=False)
        if name == command:
            # The imports of the other commands would only slow the start.
            module = importlib.import_module(f"{__package__}.commands.{name.replace('-', '_')}")
            sub.formatter_class = argparse.RawDescriptionHelpFormatter
            sub.epilog = getattr(module, "EPILOG", None)
            module.add_arguments(sub)
            help_text = "show tracebacks and Airflow's log on stderr"
            sub.add_argument("--debug", action="store_true", help=help_text)
            sub.set_defaults(run=module.run)
    return parser


def fail(error: RollbackError, console: Console, *, debug: bool = False) -> Exit:
    """Print an error in one block to stderr and return the exit code."""
    code, headline = exit_of(error)
    if isinstance(error, CommandUnavailable) and not debug:
        return _fail(console, f"{PROGRAM}: {error}", code)
    if debug:
        console.print_error("".join(traceback.format_exception(error)))
    return _fail(console, f"{PROGRAM}: {headline} ({type(error).__name__})\n{error}", code)


def _fail(console: Console, text: str, code: Exit) -> Exit:
    console.print_error(text)
    return code
