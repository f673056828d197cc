# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of our own, on loopback and in a temporary directory, which can be away for a while."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.airflow_settings import free_port

_USER = "postgres"
_SECONDS = 60
# A test's data need not survive a crash of the machine; two Airflows' worth of processes need connections.
_OPTIONS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, the latest one of Debian's, or None."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return found[-1].parent if found else None


class Cluster:
    """A server with an empty database ``airflow``."""

    def __init__(self) -> None:
        folder = programs()
        if folder is None:
            raise FileNotFoundError("initdb was not found; on Debian: apt-get install postgresql")
        self._programs = folder
        self._home = Path(tempfile.mkdtemp(prefix="rollback-postgres-"))
        self.port = free_port()
        self.url = f"postgresql+psycopg2://{_USER}@127.0.0.1:{self.port}/airflow"

    def __enter__(self) -> Cluster:
        """Make it and start it."""
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self._home, _USER)
        try:
            self._run("initdb", "--auth=trust", f"--username={_USER}", "--no-sync", "--encoding=UTF8")
            self.start()
            address = ("--host=127.0.0.1", f"--port={self.port}", f"--username={_USER}")
            self._run("createdb", *address, "airflow")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and remove it."""
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = f"{_OPTIONS} -c listen_addresses=127.0.0.1 -p {self.port} -k {self._home}"
        self._run("pg_ctl", "start", "--wait", f"--log={self._home / 'log'}", f"--options={options}")

    def stop(self) -> None:
        """End the server and all its connections at once."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Keep the server stopped as long as this lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def misses(self, tables: Iterable[str]) -> int:
        """Count the queries for tables that are not there."""
        said = (self._home / "log").read_text(errors="replace")
        return sum(said.count(f'relation "{table}" does not exist') for table in tables)

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={pwd.getpwnam(_USER).pw_uid}", "--clear-groups", *command]
        log = self._home / "commands.log"
        with log.open("ab") as output:  # the server keeps what it is given: a pipe would never end
            done = subprocess.run(
                command,
                env={"PATH": os.environ["PATH"], "PGDATA": str(self._data), "LC_ALL": "C.UTF-8"},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=_SECONDS,
                check=False,
                start_new_session=True,  # Ctrl+C is for the test, which then stops the server
            )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed with {done.returncode}:\n{log.read_text()[-2000:]}")
