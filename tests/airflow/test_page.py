# SPDX-License-Identifier: Apache-2.0
"""``make page``, as a user starts and ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from demo.airflow_settings import airflow_major
from demo.page import CONN_ID
from demo.web_airflow import log_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
PRINTED = re.compile(r"The page: (\S+)\nLog in as (\S+) with the password (\S+)\n.*Ctrl-C", re.DOTALL)


def printed_until_ready(process: subprocess.Popen[str]) -> re.Match[str]:
    """Return the output up to the line about Ctrl-C."""
    output = ""
    assert process.stdout is not None
    for line in process.stdout:
        output += line
        if found := PRINTED.search(output):
            return found
    raise AssertionError(output)


def lives(process: psutil.Process) -> bool:
    """Return whether a process runs; an orphan that ended may remain as a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_shows_a_history_and_leaves_nothing(tmp_path: Path) -> None:
    """The printed log-in opens the page at once, and Ctrl-C ends every process and removes Airflow's home."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.page"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a process group of its own, as a terminal gives it
    )
    with process:
        try:
            address, user, password = printed_until_ready(process).groups()
            url = re.sub(r"(?<=\d/).*", "", address)
            with log_in(url, user, password) as session:
                page = session.get(address)
                options = session.get(f"{url}rollback/api/options").json()["options"]
                query = {"connection": CONN_ID, "deployment": options[0]["deployment"]}
                rows = session.get(f"{url}rollback/api/history", params=query).json()["rows"]
            children = psutil.Process(process.pid).children(recursive=True)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)
    assert page.ok
    assert ("deploy-history" if airflow_major() < 3 else "<div id=") in page.text
    assert [option["reason"] for option in options] == [None] * 4
    assert (rows[0]["runs_now"], rows[0]["rejected"]["reason"]) == (True, "Invoices are doubled")
    assert {row["airflow"].partition(".")[0] for row in rows} == {"2", "3"}
    refused = [row["image_tag"] for row in rows if not row["can_roll_back"]]
    assert refused == ["release-45", "release-45", "release-43", "release-40"]
    assert process.returncode == 128 + signal.SIGINT
    assert len(children) > 3
    assert [child for child in children if lives(child)] == []
    # Airflow 2's web server leaves an empty cache beside its home.
    assert list(tmp_path.glob("*rollback*")) == []
