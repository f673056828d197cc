# SPDX-License-Identifier: Apache-2.0
"""The entry point: arguments, exit codes, streams."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_rollback_provider
from airflow_rollback_provider.cli import exits
from airflow_rollback_provider.cli.console import Console
from airflow_rollback_provider.cli.exits import Exit, exit_of
from airflow_rollback_provider.domain import errors
from tests.cli.running import ROOT, Cli, command


def test_version(cli: Cli) -> None:
    """The version is the package's."""
    result = cli("--version")
    assert (result.code, result.out) == (0, f"airflow-rollback {airflow_rollback_provider.__version__}\n")


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("compat",), ("compat", "--no-such", "1", "2")])
def test_wrong_usage_exits_with_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    """An error of argparse is bad input like any other."""
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "usage: airflow-rollback" in result.err


def test_every_error_has_an_exit_code() -> None:
    """No error of the package falls through to 'this is an error in the package'."""
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind is not errors.RollbackError
    ]
    codes = {kind.__name__: exit_of(kind("x"))[0] for kind in kinds if issubclass(kind, errors.RollbackError)}
    assert set(codes.values()) == {Exit.REFUSED, Exit.BAD_INPUT, Exit.UNAVAILABLE, Exit.NOT_DONE}
    assert codes["StalePlan"] is Exit.REFUSED
    assert codes["InvalidConnection"] is Exit.UNAVAILABLE
    assert codes["DeploymentNotFound"] is Exit.BAD_INPUT
    assert codes["OutcomeUnknown"] is Exit.NOT_DONE
    assert codes["RequestLost"] is Exit.UNAVAILABLE


def test_every_exit_code_is_explained(cli: Cli) -> None:
    """The help page lists them all."""
    page = cli("--help").out
    assert all(f"  {code.value:<4} {exits.MEANINGS[code]}" in page for code in Exit)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ZeroDivisionError("oops"), Exit.BUG, "ZeroDivisionError: oops"),
        (SystemExit(0), Exit.UNAVAILABLE, ""),  # of airflow_local_settings, for example
    ],
    ids=repr,
)
def test_a_defect_is_neither_a_refusal_nor_a_success(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: Exit, words: str
) -> None:
    """An unexpected error shows its traceback and has an own exit code; no library ends the process."""
    module = importlib.import_module("airflow_rollback_provider.cli.commands.compat")

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "run", broken)
    result = cli("compat", "3.1-12", "3.1-8")
    assert result.code == code
    assert words in result.err


def test_a_command_that_cannot_be_imported_is_a_defect_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python itself would end with 1, which means refused here."""
    monkeypatch.setitem(sys.modules, "airflow_rollback_provider.cli.commands.compat", None)
    assert cli("compat", "3.1-12", "3.1-8").code == Exit.BUG


def test_debug_shows_where_an_error_came_from(cli: Cli) -> None:
    """Without --debug an error of the package is shown without a traceback."""
    assert "Traceback" not in cli("compat", "v12", "3.1-8").err
    assert "Traceback" in cli("compat", "v12", "3.1-8", "--debug").err


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    """Without the extra the command says what to install."""
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('gone', name='uvicorn')\n")
    done = subprocess.run(
        command("sandbox"), capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    )
    assert (done.returncode, done.stdout) == (Exit.UNAVAILABLE, "")
    assert "pip install 'airflow-rollback-provider[sandbox]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("target", "code"), [("3.1-8", 0), ("airflow:1.10.15", Exit.REFUSED)])
def test_a_closed_stdout_is_no_error(target: str, code: int) -> None:
    """`airflow-rollback … | head` ends quietly, with the exit code of the verdict."""
    pipeline = subprocess.Popen(
        command("compat", "3.1-12", target), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert pipeline.stdout is not None
    assert pipeline.stderr is not None
    pipeline.stdout.close()
    with pipeline.stderr:
        assert pipeline.stderr.read() == b""
    assert pipeline.wait() == code


def test_an_encoding_without_arrows_is_no_error() -> None:
    """An ASCII terminal shows question marks instead of a traceback."""
    done = subprocess.run(
        command("compat", "3.1-12", "3.1-8"),
        capture_output=True,
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Runtime 3.1-12 (Airflow 3.1) ? Runtime 3.1-8" in done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>&1"])
@pytest.mark.parametrize(("versions", "code"), [("3.1-12 3.1-8", 0), ("nonsense 3.1-8", 2)])
def test_exit_codes_are_true_whatever_is_closed(closed: str, versions: str, code: int) -> None:
    """Only a result that cannot be written changes the exit code, to the one of what is not available."""
    line = f"{shlex.join(command())} compat {versions} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, cwd=ROOT, check=False)
    lost = code == 0 and closed not in ("<&-", "2>&-")
    assert done.returncode == (Exit.UNAVAILABLE if lost else code)
    assert b"error in the package" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("limit", ["0", "-1", "9223372036854775808", "9" * 5000, "x", "1.5", "²"])
def test_a_limit_that_cannot_be_used(cli: Cli, limit: str) -> None:
    """It is bad input, before anything is read."""
    result = cli("history", "d", f"--limit={limit}")
    assert result.code == Exit.BAD_INPUT
    assert "whole number" in result.err


@pytest.mark.parametrize("option", ["--ack", "--y", "--desc=x"])
def test_no_option_is_abbreviated(cli: Cli, option: str) -> None:
    """A user who agrees to something writes so."""
    result = cli("roll-back", "d", "--description", "x", option)
    assert result.code == Exit.BAD_INPUT
    assert "unrecognized arguments" in result.err


def test_json_is_exact_and_ascii() -> None:
    """Values are escaped and not cleaned, under any locale."""
    text = "a\u200d\u00a0\u2028\x1b\ud800ü"
    out = io.StringIO()
    Console(out, None, None).print_json({"x": text})
    assert out.getvalue().isascii()
    assert json.loads(out.getvalue()) == {"x": text}


def test_a_question_is_cleaned() -> None:
    """A Deployment's name must not control the terminal."""
    err = io.StringIO()
    assert Console(None, err, io.StringIO(" yes\n")).prompt("Roll Evil\x1b[2J back?") == "yes"
    assert err.getvalue() == "Roll Evil [2J back? "
