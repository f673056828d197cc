# SPDX-License-Identifier: Apache-2.0
"""Collects everything that a run leaves behind, unmasked, and searches it for a token."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import traceback
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_rollback_provider.sandbox.tokens import TOKENS
from demo.airflow_home import ThrowAwayAirflow

_CHATTY = ("urllib3", "requests", "httpx", "httpcore", "asyncio", "airflow", "airflow.task", "concurrent")


def disguises(secret: str) -> list[str]:
    """Return the forms in which a secret could hide."""
    return [
        secret,
        urllib.parse.quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode().rstrip("=")[:-1],
        secret.encode().hex(),
    ]


class Evidence:
    """All texts that a test left behind, and where.

    :param secrets: what must not be in it; the sandbox's tokens if nothing is named.
    """

    def __init__(self, *secrets: str) -> None:
        wanted = secrets or tuple(token.value for token in TOKENS.values())
        self._wanted = [form for secret in wanted for form in disguises(secret)]
        self._texts: list[tuple[str, str]] = []

    def add(self, where: str, what: object) -> None:
        """Keep something as text: JSON as it is written, everything else by ``str`` and ``repr``."""
        if isinstance(what, (dict, list, tuple)):
            self._texts.append((where, json.dumps(what, default=repr)))
        self._texts.append((where, f"{what} {what!r}"))

    def add_error(self, error: BaseException) -> None:
        """Keep all of an exception that logs and error trackers show: local variables too, but for the test's
        own."""
        inner = error.__traceback__.tb_next if error.__traceback__ else None
        shown = traceback.TracebackException(type(error), error, inner, capture_locals=True)
        self.add("traceback", "".join(shown.format()))
        link: BaseException | None = error
        passed: set[int] = set()
        while link is not None and id(link) not in passed:
            passed.add(id(link))
            notes = getattr(link, "__notes__", [])
            self.add("exception", f"{link} {link!r} {link.args!r} {notes!r} {vars(link)!r}")
            link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)

    def add_pickle(self, where: str, what: object) -> None:
        """Keep a pickle; an object that refuses to be pickled leaves none."""
        try:
            data = pickle.dumps(what)
        except (TypeError, AttributeError, pickle.PicklingError) as refusal:
            self.add(where, str(refusal))
        else:
            self.add(where, data.decode("latin-1"))

    def add_files(self, folder: Path) -> None:
        """Keep all files below a folder, of whatever kind."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._texts.append((str(path.relative_to(folder)), path.read_bytes().decode("latin-1")))

    def find(self) -> list[str]:
        """Return where the secret is, with the text around it."""
        found = []
        for where, text in self._texts:
            for form in self._wanted:
                if form in text:
                    at = text.index(form)
                    found.append(f"{where}: …{text[max(0, at - 100) : at + 100]}…")
        return found

    def holds(self, where: str, words: str) -> bool:
        """Return whether a text was collected, which shows that collecting works."""
        return any(place == where and words in text for place, text in self._texts)

    def require_clean(self) -> None:
        """Fail if the secret is anywhere."""
        assert self._texts
        found = self.find()
        assert not found, "\n".join(found)


class _Handler(logging.Handler):
    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.NOTSET)
        self._evidence = evidence

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record)  # with the traceback
        self._evidence.add("log", f"{record.name} {text} {vars(record)!r}")


@contextmanager
def listening(evidence: Evidence, *, drop: bool = True) -> Iterator[None]:
    """Collect every log line from DEBUG on, before anything masks it.

    :param drop: keep what Airflow 3 logs from going on to where it would be printed.
    """
    handler = _Handler(evidence)
    loggers = [logging.getLogger()] + [logging.getLogger(name) for name in _CHATTY]
    loggers += [
        logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)
    ]
    # What goes into a database is Airflow's to encrypt, and SQLAlchemy logs it only when asked to.
    before = {
        id(logger): (logger, logger.level, logger.disabled)
        for logger in loggers
        if not logger.name.startswith("sqlalchemy")
    }
    for logger, _, _ in before.values():
        logger.level = logging.DEBUG
        logger.disabled = False
        if logger is logging.getLogger() or not logger.propagate:
            logger.addHandler(handler)
    _forget_levels()
    try:
        with _listening_to_structlog(evidence, drop):
            yield
    finally:
        for logger, level, disabled in before.values():
            logger.removeHandler(handler)
            logger.level = level
            logger.disabled = disabled
        _forget_levels()


def _forget_levels() -> None:
    """Clear the cached levels of all loggers, in one step, since it is a loop over all of them."""
    logging.root.setLevel(logging.root.level)


@contextmanager
def _listening_to_structlog(evidence: Evidence, drop: bool) -> Iterator[None]:
    """Airflow 3 logs past the standard library."""
    try:
        import structlog
    except ImportError:  # Airflow 2
        yield
        return

    def collect(_logger: Any, _method: str, event: Any) -> Any:
        info = event.get("exc_info")
        if isinstance(info, BaseException):
            evidence.add_error(info)
        elif info:
            evidence.add("log", traceback.format_exc())
        evidence.add("log", dict(event))
        if drop:
            raise structlog.DropEvent
        return event

    before = structlog.get_config()
    # Those that go on are printed: no more of them than Airflow would.
    rest = () if drop else before["processors"]
    from_debug_on = structlog.make_filtering_bound_logger(logging.DEBUG)
    structlog.configure(
        processors=[structlog.stdlib.PositionalArgumentsFormatter(), collect, *rest],
        wrapper_class=from_debug_on if drop else before["wrapper_class"],
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def require_no_token_in(airflow: ThrowAwayAirflow) -> None:
    """Fail if an Airflow keeps a token anywhere in its home: database, logs, configuration."""
    evidence = Evidence()
    evidence.add_files(airflow.home)
    in_database = [evidence.holds(path.name, "roll_back") for path in airflow.home.glob("airflow.db*")]
    assert any(in_database), "The search looks in the wrong place."
    evidence.require_clean()
