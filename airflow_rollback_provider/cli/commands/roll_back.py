# SPDX-License-Identifier: Apache-2.0
"""``airflow-rollback roll-back``: plan, ask, submit once, follow to the end."""

from __future__ import annotations

import argparse
import re
import secrets
import shlex
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.arguments import (
    TARGET_HELP,
    add_choice,
    add_connection,
    add_deployment,
    positive_seconds,
)
from airflow_rollback_provider.cli.confirmation import ACKNOWLEDGE, require_confirmation
from airflow_rollback_provider.cli.connecting import connected
from airflow_rollback_provider.cli.exits import Exit, exit_table
from airflow_rollback_provider.cli.stored_plan import plan_again, read_plan
from airflow_rollback_provider.domain.errors import (
    BadInput,
    OutcomeUnknown,
    RollbackError,
    RollbackNotDone,
    RollbackRefused,
)
from airflow_rollback_provider.domain.idempotency import describe
from airflow_rollback_provider.domain.summary import describe_deploy, explain
from airflow_rollback_provider.rollback.submission import GRACE_PERIOD, pauses

if TYPE_CHECKING:
    from airflow_rollback_provider.cli.console import Console
    from airflow_rollback_provider.domain.deploys import Deploy
    from airflow_rollback_provider.domain.plan import RollbackPlan
    from airflow_rollback_provider.hooks.deploy_history import DeployHistoryHook, Reading

EPILOG = f"{TARGET_HELP}\n\n{exit_table()}"

_KEY_BYTES = 10
_OLDEST_KEY = timedelta(days=30)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to a parser."""
    add_deployment(parser)
    parser.add_argument(
        "--description", required=True, metavar="TEXT", help="why; it is written to the deploy history"
    )
    add_choice(parser)
    parser.add_argument(
        "--plan",
        metavar="FILE",
        help="carry out a plan made with plan --json (- reads stdin); refused if it is out of date",
    )
    add_connection(parser)
    parser.add_argument(
        ACKNOWLEDGE,
        action="store_true",
        dest="acknowledged",
        help="accept what is lost when the rollback goes from Airflow 3 to Airflow 2",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")
    parser.add_argument("--no-wait", action="store_true", help="leave once it is submitted")
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        metavar="SECONDS",
        help="how long to follow it (default: 30 minutes, two hours from Airflow 3 to 2)",
    )
    parser.add_argument(
        "--idempotency-key",
        type=idempotency_key,
        metavar="ID",
        help="take up an earlier call that printed this id: its rollback is found and followed, not repeated",
    )


def idempotency_key(text: str) -> str:
    """Read the id of an intent.

    :raises argparse.ArgumentTypeError: when it is none.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an intent as roll-back prints it ({2 * _KEY_BYTES} hex digits)"
        )
    return text


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Roll back; see the table of exit codes for how it can end."""
    if args.plan and (args.to or args.scope):
        raise BadInput("--plan says which deploy and scope are meant: leave --to and --scope out.")
    stored = read_plan(args.plan, console) if args.plan else None
    with connected(args.conn_id, debug=args.debug) as hook:
        return RollBack(args, console, hook, stored).run()


class RollBack:
    """One rollback, from the plan to its end.

    :param args: the arguments of the command.
    :param console: where to print and ask.
    :param hook: the platform.
    :param stored: a plan from a file, if one is to be carried out.
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
        """Go through with it.

        From the moment of sending on, every way out says that something may be going on.
        """
        try:
            return self._run()
        except KeyboardInterrupt:
            if not self._sent:
                raise
            raise OutcomeUnknown(f"Interrupted. {self._state()}\n{self._hints()}") from None
        except RollbackNotDone as error:
            raise type(error)(f"{error}\n{self._hints()}") from error
        except Exception as error:
            if not self._sent or (isinstance(error, RollbackError) and self._rollback is None):
                raise  # nothing was submitted, or the hook knows that the platform did not take it
            problem = f"{type(error).__name__}: {error}"
            raise OutcomeUnknown(f"{self._state()} Then: {problem}\n{self._hints()}") from error

    def _run(self) -> Exit:
        reading = self._hook.read(self._args.deployment)
        earlier = self._earlier(reading) if self._args.idempotency_key else None
        if earlier is not None:
            return self._resume_existing(reading, earlier)
        plan = self._plan(reading)
        self._console.say(explain(plan))
        describe(self._args.description, self._idempotency_key, self._hook.capabilities.description_limit)
        plan.require_allowed()
        self._refuse_to_stop_oneself(plan)
        require_confirmation(plan, self._console, acknowledged=self._args.acknowledged, yes=self._args.yes)
        return self._submit(reading, plan)

    def _earlier(self, reading: Reading) -> Deploy | None:
        """Find the rollback of an earlier call; a request whose answer was lost may show a little later."""
        since = reading.survey.now - _OLDEST_KEY
        for pause in pauses(GRACE_PERIOD):
            if pause:
                self._console.say(
                    f"No deploy carries the intent {self._idempotency_key} yet. Looking again in {pause:g} s."
                )
            time.sleep(pause)
            found = self._hook.find_by_key(reading.deployment.id, self._idempotency_key, since=since)
            if found is not None:
                return found
        self._console.say(f"No deploy carries the intent {self._idempotency_key}.")
        return None

    def _plan(self, reading: Reading) -> RollbackPlan:
        if self._stored is not None:
            return plan_again(self._hook, reading, self._stored)
        return self._hook.plan(
            self._args.deployment, self._args.to or "previous", self._args.scope, reading=reading
        )

    def _refuse_to_stop_oneself(self, plan: RollbackPlan) -> None:
        """Leave when the rollback would end this process before it could tell the end."""
        from airflow_rollback_provider.rollback.self_target import runs_inside

        inside = None if self._args.no_wait or plan.downgrade is False else runs_inside(plan.deployment)
        if inside is not None:
            raise RollbackRefused(
                f"This command runs inside {plan.deployment} ({inside}), which it would downgrade: it would "
                "be stopped before it could tell how that ends. Nothing was submitted. Run it from "
                "elsewhere, or add --no-wait."
            )

    def _submit(self, reading: Reading, plan: RollbackPlan) -> Exit:
        self._console.say(f"Intent {self._idempotency_key}")
        self._sent = self._console.must_go_on = True
        self._chosen = plan
        self._rollback = self._hook.submit(
            plan, self._args.description, self._idempotency_key, grace_period=GRACE_PERIOD
        )
        self._console.say(f"Submitted: deploy {self._rollback.id}.")
        if self._rollback.rolled_back_to not in (None, plan.target.id):
            return self._resume_existing(reading, self._rollback)
        return self._follow(reading, self._rollback, plan.target, resumed=False)

    def _resume_existing(self, reading: Reading, rollback: Deploy) -> Exit:
        """Follow the rollback of an earlier call, to the deploy which that call chose."""
        self._sent = self._console.must_go_on = True
        self._rollback = rollback
        self._console.say(f"Found, nothing is submitted now: {describe_deploy(rollback)}.")
        return self._follow(reading, rollback, self._hook.target_of(rollback), resumed=True)

    def _follow(self, reading: Reading, rollback: Deploy, target: Deploy, *, resumed: bool) -> Exit:
        from airflow_rollback_provider.cli.following import POLL_INTERVAL, follow
        from airflow_rollback_provider.rollback.submit import Submitted
        from airflow_rollback_provider.rollback.tracking import new_tracking

        if self._args.no_wait:
            self._console.say(f"Not waited for.\n{self._hints()}")
            return Exit.DONE
        tracking = new_tracking(
            Submitted(reading, rollback, target, resumed),
            timeout=self._args.timeout,
            poll_interval=POLL_INTERVAL,
            where=self._hook.history_url(reading.deployment) or "the Deployment's deploy history",
        )
        limit = tracking.deadline - tracking.started_at
        self._console.say(f"Following it for at most {limit:,.0f} s. Ctrl-C stops looking, not the rollback.")
        outcome = follow(self._hook, tracking, self._console)
        outcome.require_done()
        self._console.say(f"{outcome.message} {reading.deployment} runs {target.versions}.")
        return Exit.DONE

    def _state(self) -> str:
        if self._rollback is None:
            return "The rollback was being submitted, and it is not known whether the platform took it."
        return f"The rollback, deploy {self._rollback.id}, was submitted, cannot be recalled and goes on."

    def _hints(self) -> str:
        """Say how to look and how to take the call up again, as commands that can be pasted."""
        where = [self._args.deployment, "--conn-id", self._args.conn_id]
        again = [
            "--idempotency-key",
            self._idempotency_key,
            "--description",
            self._args.description,
            *self._pinned(),
        ]
        return (
            f"To look: {shlex.join(['airflow-rollback', 'history', *where, '--limit', '5'])}\n"
            f"To follow it: {shlex.join(['airflow-rollback', 'roll-back', *where, *again])}"
        )

    def _pinned(self) -> list[str]:
        """Name what this call chose: the next one must not choose anew if it finds no rollback."""
        if self._chosen is None:
            return []
        pinned = ["--to", f"id:{self._chosen.target.id}", "--scope", self._chosen.scope.value]
        return [*pinned, ACKNOWLEDGE] if self._args.acknowledged else pinned
