# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback roll-back``: plan, confirm, submit once, track to the end."""

from __future__ import annotations

import argparse
import json
import re
import secrets
import shlex
import signal
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.cli.arguments import (
    TARGET_HELP,
    add_connection,
    add_deployment,
    add_target,
    positive_seconds,
)
from airflow_rollback_provider.cli.connecting import open_hook
from airflow_rollback_provider.cli.exits import Exit, exit_table
from airflow_rollback_provider.domain.errors import (
    AcknowledgementMissing,
    BadInput,
    OutcomeUnknown,
    RollbackError,
    RollbackNotDone,
    RollbackRefused,
    StalePlan,
)
from airflow_rollback_provider.domain.idempotency import describe
from airflow_rollback_provider.domain.plan import RollbackPlan
from airflow_rollback_provider.domain.redaction import one_line
from airflow_rollback_provider.domain.summary import describe_deploy, explain
from airflow_rollback_provider.hooks.client import GRACE_PERIOD, pauses
from airflow_rollback_provider.rollback.self_target import runs_inside
from airflow_rollback_provider.rollback.submit import Submitted
from airflow_rollback_provider.rollback.tracking import new_tracking, track

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook, Reading
    from airflow_rollback_provider.rollback.outcome import Outcome
    from airflow_rollback_provider.rollback.poller import Tracking

EPILOG = f"{TARGET_HELP}\n\n{exit_table()}"

ACKNOWLEDGE = "--acknowledge-airflow-3-to-2"
POLL_INTERVAL = 5.0

_KEY_BYTES = 10
_OLDEST_KEY = timedelta(days=30)
_SECONDS_BETWEEN_LINES = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_deployment(parser)
    parser.add_argument(
        "--description", required=True, metavar="TEXT", help="the reason; it is written to the deploy history"
    )
    add_target(parser)
    parser.add_argument(
        "--plan",
        metavar="FILE",
        help="carry out a plan made with plan --json (- reads stdin); an outdated plan is refused",
    )
    add_connection(parser)
    parser.add_argument(
        ACKNOWLEDGE,
        action="store_true",
        dest="acknowledged",
        help="accept the data loss of a rollback from Airflow 3 to Airflow 2",
    )
    parser.add_argument("--yes", action="store_true", help="skip the confirmation; needed without a terminal")
    parser.add_argument("--no-wait", action="store_true", help="return once it is submitted")
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        metavar="SECONDS",
        help="how long to track it (default: 30 minutes; 2 hours from Airflow 3 to 2)",
    )
    parser.add_argument(
        "--idempotency-key",
        type=idempotency_key,
        metavar="KEY",
        help="resume an earlier call that printed this key: its rollback is tracked, not repeated",
    )


def idempotency_key(text: str) -> str:
    """Parse an idempotency key.

    :raises argparse.ArgumentTypeError: if the text is not one.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an idempotency key as roll-back prints it ({2 * _KEY_BYTES} hex digits)"
        )
    return text


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Roll back. The table of exit codes lists the results."""
    if args.plan and (args.to or args.scope):
        raise BadInput("--plan already names the deploy and the scope. Leave --to and --scope out.")
    console.must_show = True
    stored = read_plan(args.plan, console) if args.plan else None
    with open_hook(args.conn_id, debug=args.debug) as hook:
        return RollBack(args, console, hook, stored).run()


class RollBack:
    """One rollback, from the plan to its end.

    :param stored: the plan from the file of ``--plan``, if there is one.
    """

    def __init__(
        self, args: argparse.Namespace, console: Console, hook: DeployHistoryHook, stored: RollbackPlan | None
    ) -> None:
        self._args = args
        self._console = console
        self._hook = hook
        self._stored = stored
        self._idempotency_key: str = args.idempotency_key or secrets.token_hex(_KEY_BYTES)
        self._sent = False
        self._chosen: RollbackPlan | None = None
        self._rollback: Deploy | None = None

    def run(self) -> Exit:
        """Carry the rollback out.

        Once the request is sent, every error message says that the rollback may be in progress.
        """
        try:
            with interruptible():
                return self._run()
        except KeyboardInterrupt:
            if not self._sent:
                raise
            raise OutcomeUnknown(f"Interrupted. {self._state()}\n{self._hints()}") from None
        except RollbackNotDone as error:
            raise type(error)(f"{error}\n{self._hints()}") from error
        except (Exception, SystemExit) as error:
            if not self._sent or (isinstance(error, RollbackError) and self._rollback is None):
                raise  # nothing was submitted, or the hook found that the platform did not accept it
            problem = f"{type(error).__name__}: {error}"
            raise OutcomeUnknown(f"{self._state()} Then: {problem}\n{self._hints()}") from error

    def _run(self) -> Exit:
        reading = self._hook.read(self._args.deployment)
        earlier = self._earlier(reading) if self._args.idempotency_key else None
        if earlier is not None:
            return self._resume_existing(reading, earlier)
        plan = self._plan(reading)
        self._console.print(explain(plan))
        describe(self._args.description, self._idempotency_key, self._hook.capabilities.description_limit)
        plan.require_allowed()
        self._refuse_own_downgrade(plan)
        require_confirmation(plan, self._console, acknowledged=self._args.acknowledged, yes=self._args.yes)
        return self._submit(reading, plan)

    def _earlier(self, reading: Reading) -> Deploy | None:
        """Find the rollback of an earlier call.

        If the response to its request was lost, the rollback can appear in the history a little later.
        """
        since = reading.survey.now - _OLDEST_KEY
        for pause in pauses(GRACE_PERIOD):
            if pause:
                self._console.print(
                    f"No deploy has the idempotency key {self._idempotency_key} yet. "
                    f"The next read is in {pause:g} s."
                )
            time.sleep(pause)
            found = self._hook.find_by_key(reading.deployment.id, self._idempotency_key, since=since)
            if found is not None:
                return found
        self._console.print(f"No deploy has the idempotency key {self._idempotency_key}.")
        return None

    def _plan(self, reading: Reading) -> RollbackPlan:
        if self._stored is not None:
            return rebuild_plan(self._hook, reading, self._stored)
        return self._hook.plan(
            self._args.deployment, self._args.to or "previous", self._args.scope, reading=reading
        )

    def _refuse_own_downgrade(self, plan: RollbackPlan) -> None:
        """Refuse if the rollback would stop this process before it can report the status.

        :raises RollbackRefused: in that case.
        """
        inside = None if self._args.no_wait or plan.downgrade is False else runs_inside(plan.deployment)
        if inside is not None:
            raise RollbackRefused(
                f"This command runs inside {plan.deployment} ({inside}), which it would downgrade. The "
                "downgrade would stop it before it could report the status. Nothing was submitted. Run it "
                "from elsewhere, or add --no-wait."
            )

    def _submit(self, reading: Reading, plan: RollbackPlan) -> Exit:
        self._console.print(f"Idempotency key {self._idempotency_key}")
        self._sent = self._console.keep_going = True
        self._chosen = plan
        self._rollback = self._hook.submit(
            plan, self._args.description, self._idempotency_key, grace_period=GRACE_PERIOD
        )
        self._console.print(f"Submitted: deploy {self._rollback.id}.")
        if self._rollback.rolled_back_to not in (None, plan.target.id):
            return self._resume_existing(reading, self._rollback)
        return self._track(reading, self._rollback, plan.target, resumed=False)

    def _resume_existing(self, reading: Reading, rollback: Deploy) -> Exit:
        """Track the rollback of an earlier call, to the deploy which that call chose."""
        self._sent = self._console.keep_going = True
        self._rollback = rollback
        self._console.print(f"Found, so nothing is submitted now: {describe_deploy(rollback)}.")
        return self._track(reading, rollback, self._hook.target_of(rollback), resumed=True)

    def _track(self, reading: Reading, rollback: Deploy, target: Deploy, *, resumed: bool) -> Exit:
        if self._args.no_wait:
            self._console.print(f"The command does not wait for the end.\n{self._hints()}")
            return Exit.DONE
        tracking = new_tracking(
            Submitted(reading, rollback, target, resumed),
            timeout=self._args.timeout,
            poll_interval=POLL_INTERVAL,
            where=self._hook.history_url(reading.deployment) or "the Deployment's deploy history",
        )
        limit = tracking.deadline - tracking.started_at
        self._console.print(
            f"Tracking it for at most {limit:,.0f} s. Ctrl-C stops the tracking, not the rollback."
        )
        outcome = track_in_terminal(self._hook, tracking, self._console)
        outcome.require_done()
        self._console.print(f"{outcome.message} {reading.deployment} runs {target.versions}.")
        return Exit.DONE

    def _state(self) -> str:
        if self._rollback is None:
            return "The rollback request was sent, and it is unknown whether the platform accepted it."
        return f"The rollback, deploy {self._rollback.id}, was submitted, cannot be cancelled and goes on."

    def _hints(self) -> str:
        """Return the commands that show the history and that resume this call."""
        where = [self._args.deployment, "--conn-id", self._args.conn_id]
        again = [
            "--idempotency-key",
            self._idempotency_key,
            "--description",
            self._args.description,
            *self._chosen_options(),
        ]
        return (
            f"To see the history: {shlex.join(['airflow-rollback', 'history', *where, '--limit', '5'])}\n"
            f"To track it: {shlex.join(['airflow-rollback', 'roll-back', *where, *again])}"
        )

    def _chosen_options(self) -> list[str]:
        """Return the options for the deploy of this call: a later call must not choose another one."""
        if self._chosen is None:
            return []
        pinned = ["--to", f"id:{self._chosen.target.id}", "--scope", self._chosen.scope.value]
        return [*pinned, ACKNOWLEDGE] if self._args.acknowledged else pinned


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C: the command says what may go on. It leaves ``nohup`` its effect."""

    def interrupt(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    changed: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        changed = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for one in changed:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one in changed:
            signal.signal(one, signal.SIG_DFL)


def read_plan(path: str, console: Console) -> RollbackPlan:
    """Read a plan that was made with ``plan --json``.

    :param path: a file, or ``-`` for stdin.
    :raises BadInput: if it cannot be read or is not a plan.
    """
    try:
        text = console.read_input() if path == "-" else Path(path).read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"The plan {path!r} cannot be read: {error}") from None
    return RollbackPlan.from_dict(values)


def rebuild_plan(hook: DeployHistoryHook, reading: Reading, stored: RollbackPlan) -> RollbackPlan:
    """Build the stored plan again from what the platform reports now.

    A file can be old or edited. Only the Deployment, the deploy to go back to, the scope and the history that
    the user saw are taken from it. Every check runs again.

    :raises BadInput: if the plan is for another Deployment.
    :raises StalePlan: if another deploy has landed since.
    """
    if reading.deployment.id != stored.deployment.id:
        raise BadInput(
            f"The plan is for {stored.deployment}, not for {reading.deployment}. Nothing was submitted."
        )
    plan = hook.plan(reading.deployment.id, f"id:{stored.target.id}", stored.scope.value, reading=reading)
    if (plan.latest_id, plan.current.id) != (stored.latest_id, stored.current.id):
        raise StalePlan(
            f"The plan was made when deploy {stored.latest_id} was the latest of {stored.deployment} and "
            f"{stored.current.id} ran; now the latest is {plan.latest_id} and {plan.current.id} runs. "
            "Nothing was submitted. Read the history and make a new plan."
        )
    return plan


class NotConfirmed(RollbackRefused):
    """The user did not confirm the rollback."""


def require_confirmation(plan: RollbackPlan, console: Console, *, acknowledged: bool, yes: bool) -> None:
    """Check that the plan is allowed, that losses are acknowledged and that the user confirms it.

    :param acknowledged: whether the command line accepts the loss of going from Airflow 3 to 2.
    :param yes: whether to skip the confirmation.
    :raises PlanRefused: if a check failed.
    :raises AcknowledgementMissing: if a loss has to be accepted and was not.
    :raises NotConfirmed: if the user types anything else than the expected answer.
    :raises BadInput: if a confirmation is needed and there is no terminal.
    """
    plan.require_allowed()
    if plan.needs_acknowledgement and not acknowledged:
        losses = "".join(f"\n- {warning.message}" for warning in plan.warnings if warning.severe)
        raise AcknowledgementMissing(
            f"The rollback of {plan.deployment} to deploy {plan.target.id} goes from Airflow 3 to Airflow 2. "
            f"Nothing was submitted. The severe warnings:{losses}\nTo accept that, add {ACKNOWLEDGE}."
        )
    if not yes:
        _confirm(plan, console)


def _confirm(plan: RollbackPlan, console: Console) -> None:
    if not console.is_interactive:
        raise BadInput(
            "There is no terminal for the confirmation. Nothing was submitted. Add --yes to skip it."
        )
    expected = one_line(plan.deployment.name) if plan.needs_acknowledgement else "yes"
    question = (
        f"This goes from Airflow 3 to Airflow 2. Type the Deployment's name ({expected}) to roll it back:"
        if plan.needs_acknowledgement
        else f"Roll {plan.deployment} back? Type yes:"
    )
    if console.prompt(question) != expected:
        raise NotConfirmed("Not confirmed. Nothing was submitted.")


class ConsoleLog:
    """Prints what a task would log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def info(self, msg: str, /, *args: Any) -> None:
        self._console.print(f"  {msg % args}")

    warning = info


def track_in_terminal(hook: DeployHistoryHook, tracking: Tracking, console: Console) -> Outcome:
    """Track a rollback in this process and print a line of progress now and then."""
    began = next_line = time.monotonic()

    def progress() -> None:
        nonlocal next_line
        now = time.monotonic()
        if now >= next_line:
            console.print(f"  in progress for {now - began:,.0f} s")
            next_line = now + _SECONDS_BETWEEN_LINES

    return hook.run(track(hook, tracking, ConsoleLog(console)).until_done(on_wait=progress))
