# SPDX-License-Identifier: Apache-2.0
"""What has to come of each fault, by the request that it strikes. Written by hand, one line a fault."""

from __future__ import annotations

from tests.faults.engine import FAULTS, PRIVATE_CLOUD, Seen

DONE = "done"
UNREACHABLE, FAILED, LIMITED, MALFORMED = (
    f"{name}, retry" for name in ("PlatformUnreachable", "PlatformFailed", "RateLimited", "MalformedAnswer")
)
REFUSED, FORBIDDEN, EXPIRED = "TokenRefused", "PermissionMissing", "TokenExpired"
UNKNOWN, TIMED_OUT, LOST = (
    f"{name}, retry" for name in ("OutcomeUnknown", "RollbackTimedOut", "RequestLost")
)
STALE, SUPERSEDED = "StalePlan", "RollbackSuperseded"

BEFORE = [
    "find the Deployment by its release name",
    "read the Deployment",
    "read the history",
    "read a target beyond the latest page",
    "last look before the request",
]
REQUEST = "the rollback itself"
FOLLOWING = ["look how far it is", "check what the Deployment runs"]
LOG = "read the platform's log"

# A fault of a request that reads, before the rollback is sent: struck once, struck always.
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

# A fault of a look at a rollback that was submitted: struck always. Struck once, it does not matter.
FOLLOWED = {
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
    "last look before the request": (STALE, DONE),  # nobody can look and ask in one request
    "the rollback itself": (DONE, SUPERSEDED),
    "look how far it is": (SUPERSEDED, DONE),
    "check what the Deployment runs": (DONE, DONE),
    "read the platform's log": (DONE, DONE),
}
# The same for a deferred task, whose rollback still goes on when the triggerer looks for the first time.
LANDING_DEFERRED = {
    "look how far it is": (SUPERSEDED, SUPERSEDED),
    "check what the Deployment runs": (DONE, DONE),
    "read the platform's log": (SUPERSEDED, SUPERSEDED),
}
# Hosted Astro names the image that runs, so a deploy that lands before that is read is seen.
SEEN_ON_ASTRO = (("look how far it is", "after"), ("check what the Deployment runs", "before"))


def expected(platform: str, step: str, fault: str, times: str, deferred: bool) -> Seen:
    """Return what has to come of a case."""
    if platform == "astro" and fault == "internal error":
        fault = "HTTP 500"  # the status that its internal errors have
    if FAULTS[fault]["kind"].startswith("land"):
        landing = LANDING_DEFERRED if deferred else LANDING
        end = landing[step][fault.endswith("after")]
        if platform == "astro" and (step, fault.rpartition(" ")[2]) in SEEN_ON_ASTRO:
            end = SUPERSEDED
        rollbacks = 0 if end == STALE else 1
        return Seen(end, rollbacks, "-" if end == DONE else end, rollbacks)
    if step == REQUEST:
        return _then_done(*SENDING[fault])
    if step in BEFORE:
        end = READING[fault][times == "always"]
        return _then_done(end, int(end == DONE))
    return _then_done(FOLLOWED[fault] if step in FOLLOWING and times == "always" else DONE, 1)


def _then_done(end: str, rollbacks: int) -> Seen:
    """Another try, when the fault is gone, ends well with the one rollback."""
    return Seen(end, rollbacks, "-" if end == DONE else DONE, 1)


def document() -> str:
    """Return the tables for the documentation."""
    names = " · ".join(BEFORE)
    return "\n".join([
        "### Requests that read, before the rollback is sent",
        "",
        f"The same for each of them: {names}. A fault that ends the task when it strikes once cannot strike",
        "again: those are run once. On hosted Astro an internal error is an HTTP 500.",
        "",
        *_table(
            ("Fault", "Struck once", "Struck always", "Rollbacks", "Next try"),
            [
                (fault, once, always, _numbers(once, always), _next(always))
                for fault, (once, always) in READING.items()
            ],
        ),
        "",
        "### The rollback itself",
        "",
        "It is sent once, so it is struck once.",
        "",
        *_table(
            ("Fault", "The task ends with", "Rollbacks by then", "Next try", "Rollbacks at last"),
            [(fault, end, str(number), _next(end), "1") for fault, (end, number) in SENDING.items()],
        ),
        "",
        "### Requests that follow the rollback",
        "",
        f"The same for: {' · '.join(FOLLOWING)}. There is one rollback all the time. Struck once is run",
        "with a task that polls, struck always with one that polls and one that is deferred.",
        "",
        *_table(
            ("Fault", "Struck once", "Struck always", "Next try"),
            [(fault, DONE, end, _next(end)) for fault, end in FOLLOWED.items()],
        ),
        "",
        f"To {LOG}: whatever strikes it, the task ends well; its log mentions the first failure.",
        "",
        "### Another deploy lands",
        "",
        "The next try ends like the first. On hosted Astro, which names the image that runs, what lands just",
        f"after *{SEEN_ON_ASTRO[0][0]}* or just before *{SEEN_ON_ASTRO[1][0]}* ends in",
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
