# SPDX-License-Identifier: Apache-2.0
"""The expected result of each fault, by its request. Written by hand, one line a fault."""

from __future__ import annotations

from tests.faults.engine import FAULTS, PRIVATE_CLOUD, Result

DONE = "done"
UNREACHABLE, FAILED, LIMITED, MALFORMED = (
    f"{name}, retry" for name in ("PlatformUnreachable", "PlatformFailed", "RateLimited", "MalformedAnswer")
)
REFUSED, FORBIDDEN, EXPIRED = "TokenRefused", "PermissionMissing", "TokenExpired, retry"
UNKNOWN, TIMED_OUT, LOST = (
    f"{name}, retry" for name in ("OutcomeUnknown", "RollbackTimedOut", "RequestLost")
)
STALE, SUPERSEDED = "StalePlan", "RollbackSuperseded"

BEFORE = [
    "find the Deployment by its release name",
    "read the Deployment",
    "read the history",
    "read a target beyond the latest page",
    "last read before the request",
]
VALIDATION = "validate the rollback request"
REQUEST = "the rollback itself"
TRACKING = ["poll the rollback", "check what the Deployment runs"]
LOG = "read the platform's log"

# A fault of a read before the rollback is sent: injected once, injected always.
READING = {
    "slow, in time": (DONE, DONE),
    "no answer in time": (DONE, UNREACHABLE),
    "body too slow": (DONE, UNREACHABLE),
    "HTTP 500": (DONE, FAILED),
    "HTTP 429": (DONE, LIMITED),
    "HTTP 401": (REFUSED, REFUSED),
    "HTTP 403": (FORBIDDEN, FORBIDDEN),
    "dropped before": (DONE, UNREACHABLE),
    "dropped after": (DONE, UNREACHABLE),
    "truncated body": (MALFORMED, MALFORMED),
    "HTML body": (MALFORMED, MALFORMED),
    "empty body": (MALFORMED, MALFORMED),
    "wrong shape": (MALFORMED, MALFORMED),
    "internal error": (FAILED, FAILED),
    "permission gone": (FORBIDDEN, FORBIDDEN),
    "token expired": (EXPIRED, EXPIRED),
}

# A fault of the rollback itself: how the task ends, and how many rollbacks the history has by then.
SENDING = {
    "slow, in time": (DONE, 1),
    "no answer in time": (DONE, 1),  # it is carried out within the grace period
    "body too slow": (DONE, 1),
    "HTTP 500": (LOST, 0),
    "HTTP 503 after the commit": (DONE, 1),
    "HTTP 429": (LIMITED, 0),
    "HTTP 401": (REFUSED, 0),
    "HTTP 403": (FORBIDDEN, 0),
    "dropped before": (LOST, 0),
    "dropped after": (DONE, 1),
    "truncated body": (DONE, 1),
    "HTML body": (DONE, 1),
    "empty body": (DONE, 1),
    "wrong shape": (DONE, 1),
    "internal error": (LOST, 0),
    "internal error after the commit": (DONE, 1),
    "refused": ("PlanRefused", 0),
    "refused after the commit": (DONE, 1),
    "permission gone": (FORBIDDEN, 0),
    "token expired": (EXPIRED, 0),
}

# A fault of a poll of a submitted rollback: injected always. Injected once, it has no effect.
TRACKED = {
    "slow, in time": DONE,
    "no answer in time": TIMED_OUT,
    "body too slow": TIMED_OUT,
    "HTTP 500": TIMED_OUT,
    "HTTP 429": TIMED_OUT,
    "HTTP 401": UNKNOWN,
    "HTTP 403": UNKNOWN,
    "dropped before": TIMED_OUT,
    "dropped after": TIMED_OUT,
    "truncated body": TIMED_OUT,
    "HTML body": TIMED_OUT,
    "empty body": TIMED_OUT,
    "wrong shape": TIMED_OUT,
    "internal error": TIMED_OUT,
    "permission gone": UNKNOWN,
    "token expired": UNKNOWN,
}

# Another deploy lands just before a request, or just after.
LANDING = {
    "find the Deployment by its release name": (DONE, DONE),
    "read the Deployment": (DONE, DONE),
    "read the history": (DONE, STALE),
    "read a target beyond the latest page": (STALE, STALE),
    VALIDATION: (STALE, STALE),
    "last read before the request": (STALE, DONE),  # no request reads and submits at once
    "the rollback itself": (DONE, SUPERSEDED),
    "poll the rollback": (SUPERSEDED, DONE),
    "check what the Deployment runs": (DONE, DONE),
    "read the platform's log": (DONE, DONE),
}
# The same for a deferred task, whose rollback is still in progress at the triggerer's first poll.
LANDING_DEFERRED = {
    "poll the rollback": (SUPERSEDED, SUPERSEDED),
    "check what the Deployment runs": (DONE, DONE),
    "read the platform's log": (SUPERSEDED, SUPERSEDED),
}
# Hosted Astro reports the running image, so a deploy that lands before that read is detected.
DETECTED_ON_ASTRO = (("poll the rollback", "after"), ("check what the Deployment runs", "before"))


def expected(platform: str, step: str, fault: str, times: str, deferred: bool) -> Result:
    """Return the expected result of a case."""
    if platform == "astro" and fault == "internal error":
        fault = "HTTP 500"  # the status that its internal errors have
    if FAULTS[fault]["kind"].startswith("land"):
        landing = LANDING_DEFERRED if deferred else LANDING
        end = landing[step][fault.endswith("after")]
        if platform == "astro" and (step, fault.rpartition(" ")[2]) in DETECTED_ON_ASTRO:
            end = SUPERSEDED
        rollbacks = 0 if end == STALE else 1
        return Result(end, rollbacks, "-" if end == DONE else end, rollbacks)
    if step == VALIDATION:
        return _then_done(DONE, 1)
    if step == REQUEST:
        return _then_done(*SENDING[fault])
    if step in BEFORE:
        end = READING[fault][times == "always"]
        return _then_done(end, int(end == DONE))
    return _then_done(TRACKED[fault] if step in TRACKING and times == "always" else DONE, 1)


def _then_done(end: str, rollbacks: int) -> Result:
    """Another try without the fault succeeds with the one rollback."""
    return Result(end, rollbacks, "-" if end == DONE else DONE, 1)


def document() -> str:
    """Return the tables for the documentation."""
    names = " · ".join(BEFORE)
    return "\n".join([
        "### Requests that read, before the rollback is sent",
        "",
        f"The same for each of them: {names}. A fault that ends the task the first time cannot be injected",
        "again: those are run once. On hosted Astro an internal error is an HTTP 500.",
        "",
        *_table(
            ("Fault", "Injected once", "Injected always", "Rollbacks", "Next try"),
            [
                (fault, once, always, _numbers(once, always), _next(always))
                for fault, (once, always) in READING.items()
            ],
        ),
        "",
        f"To {VALIDATION}, which Astro Private Cloud does: with each fault the task succeeds; its plan warns",
        "that it is not known whether the platform knows the request (`REQUEST-NOT-PROVEN`).",
        "",
        "### The rollback itself",
        "",
        "It is sent once, so the fault is injected once.",
        "",
        *_table(
            ("Fault", "The task ends with", "Rollbacks by then", "Next try", "Rollbacks at last"),
            [(fault, end, str(number), _next(end), "1") for fault, (end, number) in SENDING.items()],
        ),
        "",
        "### Requests that track the rollback",
        "",
        f"The same for: {' · '.join(TRACKING)}. There is one rollback in each case. *Injected once* is run",
        "with a task that polls, *injected always* with one that polls and one that is deferred.",
        "",
        *_table(
            ("Fault", "Injected once", "Injected always", "Next try"),
            [(fault, DONE, end, _next(end)) for fault, end in TRACKED.items()],
        ),
        "",
        f"To {LOG}: with each fault the task succeeds; its log mentions the first failure.",
        "",
        "### Another deploy lands",
        "",
        "The next try ends like the first. On hosted Astro, which reports the running image, a deploy that",
        f"lands just after *{DETECTED_ON_ASTRO[0][0]}* or just before *{DETECTED_ON_ASTRO[1][0]}* ends in",
        f"{SUPERSEDED}.",
        "",
        *_table(
            ("Request", "Just before it", "Rollbacks", "Just after it", "Rollbacks"),
            [_landing(step, ends) for step, ends in LANDING.items()]
            + [_landing(f"{step} (deferred)", ends) for step, ends in LANDING_DEFERRED.items()],
        ),
    ])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]


def _numbers(once: str, always: str) -> str:
    numbers = [str(int(end == DONE)) for end in (once, always)]
    return numbers[0] if numbers[0] == numbers[1] else " / ".join(numbers)


def _next(end: str) -> str:
    return "" if end == DONE else DONE


def _landing(step: str, ends: tuple[str, str]) -> tuple[str, ...]:
    numbers = [str(int(end != STALE)) for end in ends]
    return step, ends[0], numbers[0], ends[1], numbers[1]


assert set(LANDING) == set(PRIVATE_CLOUD)
