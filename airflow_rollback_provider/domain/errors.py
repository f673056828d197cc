# SPDX-License-Identifier: Apache-2.0
"""One tree of errors, branched by what the caller can do about them.

``BadInput``
    What was asked for makes no sense: correct the argument.
``RollbackRefused``
    The request makes sense and must not be carried out: read the reasons.
``AccessDenied``
    The token is missing, refused, expired or lacks a permission: mend the connection.
``PlatformError``
    The platform could not be reached or gave an answer that cannot be used: it may pass; a retry may help.
``StateUnavailable``
    Airflow could not read or write its state: it may pass; a retry may help.
``RollbackNotDone``
    The rollback was submitted and did not end well, or its end is not known: look at the Deployment.
``WaitFailed``
    A deploy that was waited for did not come to the state in which it was wanted: look at it.
"""

from __future__ import annotations


class RollbackError(Exception):
    """Root of every error of this package. ``retryable`` tells whether the same call may succeed later."""

    retryable = False


class BadInput(RollbackError, ValueError):
    """An argument cannot be used; nothing was asked of the platform for it."""


class InvalidVersion(BadInput):
    """A text is neither an Astro Runtime version nor an image tag that begins with one."""


class InvalidTarget(BadInput):
    """A text does not say which deploy is meant."""


class InvalidDescription(BadInput):
    """The description is empty or longer than the platform keeps."""


class InvalidConnection(BadInput):
    """The Airflow connection lacks a field or holds one that cannot be used."""


class NoClusterAccess(BadInput):
    """There is no way to the Kubernetes cluster: no connection, and no configuration where Airflow runs."""


class NotFound(BadInput):
    """The platform does not know what was named."""


class DeploymentNotFound(NotFound):
    """No Deployment has this id or name, or the token may not see it."""


class DeployNotFound(NotFound):
    """No deploy of this Deployment answers to the id or selector."""


class AmbiguousTarget(BadInput):
    """A selector matches more than one thing."""


class RollbackRefused(RollbackError):
    """The rollback makes sense and must not be carried out."""


class PlanRefused(RollbackRefused):
    """One or more checks of the plan failed; the message lists all of them."""


class GuardsRefused(RollbackRefused):
    """Guard rails forbid a rollback that nobody approved; the message lists all reasons."""


class FleetStopped(RollbackRefused):
    """Too many others of the same fleet have failed; nothing was begun."""


class AcknowledgementMissing(RollbackRefused):
    """The rollback crosses from Airflow 3 to Airflow 2 and nobody has said that the loss is accepted."""


class StalePlan(RollbackRefused):
    """Another deploy landed after the plan was made."""


class DeployInProgress(RollbackRefused):
    """Another deploy or rollback of the Deployment has not ended yet."""

    retryable = True


class ConflictingTargets(RollbackRefused):
    """Two mapped tasks have one idempotency key and different targets."""


class TrySuperseded(RollbackRefused):
    """A newer try of the same task may submit, so this one must not."""

    retryable = True


class Unsupported(RollbackRefused):
    """The platform has no such function."""


class AccessDenied(RollbackError):
    """The platform did not accept who asks."""


class TokenRefused(AccessDenied):
    """The platform does not know the token."""


class TokenExpired(AccessDenied):
    """The token was valid once."""


class PermissionMissing(AccessDenied):
    """The token is valid and lacks a permission, which the message names where it is known."""


class PlatformError(RollbackError):
    """The platform could not be used just now."""

    retryable = True


class PlatformUnreachable(PlatformError):
    """No connection: name, route, port, proxy or time-out."""


class TlsFailed(PlatformError):
    """The certificate of the platform was not accepted."""

    retryable = False


class PlatformFailed(PlatformError):
    """The platform answered that it failed (HTTP 5xx or an internal error)."""


class RequestLost(PlatformError):
    """The rollback request was not carried out: the deploy history shows no trace after the grace period."""


class RateLimited(PlatformError):
    """The platform asked to slow down (HTTP 429) for longer than the request was allowed to take."""


class MalformedAnswer(PlatformError):
    """The answer is not what the operation promises."""


class TooMuchToRead(PlatformError):
    """There is more to read than one question may take."""

    retryable = False


class UnknownField(PlatformError):
    """The platform's schema does not have a name that the request uses.

    Raised when a GraphQL document does not fit the installation's version; nothing was executed.
    """

    retryable = False


class RollbackNotDone(RollbackError):
    """A rollback was submitted and the Deployment is not known to run the target."""


class OutcomeUnknown(RollbackNotDone):
    """The request was sent and it is not known whether it went through. It is not sent again.

    :param retryable: whether a later try can find out from the deploy history. Default True.
    """

    retryable = True

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class RollbackFailed(RollbackNotDone):
    """The platform says that the rollback failed."""


class RollbackSuperseded(RollbackNotDone):
    """Another deploy landed on the Deployment after the rollback."""


class RollbackMismatch(RollbackNotDone):
    """The platform says that the rollback is done, and the Deployment runs something else."""


class PodsNotReady(RollbackNotDone):
    """Not every component of the release runs the target's image and is ready; the message says why."""


class FleetIncomplete(RollbackNotDone):
    """Of many Deployments that were to be rolled back, some were not."""


class RollbackTimedOut(RollbackNotDone):
    """The rollback had not ended when the deadline passed. It cannot be recalled and may still end."""

    retryable = True


class StateUnavailable(RollbackError):
    """Airflow could not read or write what outlives a try."""

    retryable = True


class DeploymentNotDrained(RollbackError):
    """Something still ran or waited in a Deployment when the time for it to come to rest was up."""

    retryable = True


class DeploymentNotHealthy(RollbackError):
    """A Deployment was to be healthy and is not judged so."""


class WaitFailed(RollbackError):
    """A deploy was waited for in vain."""


class DeployEndedOtherwise(WaitFailed):
    """The deploy has ended in another state than the wanted ones and stays there."""


class WaitBrokenOff(WaitFailed):
    """Whether the deploy has come cannot be known any more."""

    retryable = True
