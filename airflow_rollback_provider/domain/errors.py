# SPDX-License-Identifier: Apache-2.0
"""One tree of errors, divided by what the caller can do about them.

``BadInput``
    An argument cannot be used: correct it.
``RollbackRefused``
    The request is valid and must not be carried out: read the reasons.
``AccessDenied``
    The token is missing, refused, expired or lacks a permission: fix the connection.
``PlatformError``
    The platform could not be reached or gave a response that cannot be used: a retry may help.
``StateUnavailable``
    Airflow could not read or write its state: a retry may help.
``RollbackNotDone``
    The rollback was submitted and did not succeed, or its outcome is not known: check the Deployment.
``WaitFailed``
    A task waited for a deploy, which did not reach the expected status: check the deploy.
"""

from __future__ import annotations

from airflow_rollback_provider.domain.redaction import printable, redact


class RollbackError(Exception):
    """Root of all errors of this package. ``retryable`` is whether the same call may succeed later.

    Messages quote texts of others, so each is cleaned of credentials and control characters here.
    """

    retryable = False

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(redact(str(message))))


class BadInput(RollbackError, ValueError):
    """An argument cannot be used; no request was sent for it."""


class InvalidVersion(BadInput):
    """A text is neither an Astro Runtime version nor an image tag that begins with one."""


class InvalidTarget(BadInput):
    """A text does not select a deploy."""


class InvalidDescription(BadInput):
    """The description is empty or longer than the platform's limit."""


class InvalidConnection(BadInput):
    """The Airflow connection lacks a field or has one that cannot be used."""


class NoClusterAccess(BadInput):
    """There is no way to the Kubernetes cluster: no connection, and no configuration where Airflow runs."""


class NotFound(BadInput):
    """The platform has no object with this id or name."""


class DeploymentNotFound(NotFound):
    """No Deployment has this id or name, or the token may not read it."""


class DeployNotFound(NotFound):
    """No deploy of this Deployment matches the id or selector."""


class AmbiguousTarget(BadInput):
    """A selector matches more than one object."""


class RollbackRefused(RollbackError):
    """The rollback is valid and must not be carried out.

    ``codes`` has the codes of the checks or guard rails that failed, where some did.
    """

    codes: tuple[str, ...] = ()


class PlanRefused(RollbackRefused):
    """One or more checks of the plan failed; the message lists all of them."""


class GuardsRefused(RollbackRefused):
    """Guard rails forbid an automatic rollback; the message lists all reasons."""


class ApprovalMissing(RollbackRefused):
    """The task that asks a user to approve the rollback does not have the answer *Approve*."""


class FleetStopped(RollbackRefused):
    """Too many other rollbacks of the same fleet have failed; this one was not started."""


class AcknowledgementMissing(RollbackRefused):
    """The rollback goes from Airflow 3 to Airflow 2, and no user has acknowledged the loss."""


class StalePlan(RollbackRefused):
    """Another deploy landed after the plan was made."""


class DeployInProgress(RollbackRefused):
    """Another deploy or rollback of the Deployment has not ended yet."""

    retryable = True


class ConflictingTargets(RollbackRefused):
    """Two mapped tasks have one idempotency key and different targets."""


class TrySuperseded(RollbackRefused):
    """A later try of the same task may submit, so this one must not."""

    retryable = True


class Unsupported(RollbackRefused):
    """The platform has no such function."""


class AccessDenied(RollbackError):
    """The platform did not accept the credentials."""


class TokenRefused(AccessDenied):
    """The platform does not accept the token."""


class TokenExpired(AccessDenied):
    """The token has expired. A later try reads the connection anew, which may have a new one by then."""

    retryable = True


class PermissionMissing(AccessDenied):
    """The token is valid and lacks a permission; the message names it if it is known."""


class PlatformError(RollbackError):
    """The platform could not be used at the moment."""

    retryable = True


class PlatformUnreachable(PlatformError):
    """No connection: name, route, port, proxy or time-out."""


class TlsFailed(PlatformError):
    """The certificate of the platform was not accepted."""

    retryable = False


class ProxyUnusable(PlatformError):
    """The proxy of the connection or of the environment cannot be used; no request was sent."""

    retryable = False


class PlatformFailed(PlatformError):
    """The platform reported a failure (HTTP 5xx or an internal error)."""


class RequestLost(PlatformError):
    """The rollback request was not carried out: the deploy history shows no trace after the grace period."""


class RateLimited(PlatformError):
    """The platform limited the request rate (HTTP 429) for longer than the request may take."""


class MalformedAnswer(PlatformError):
    """The response does not have the form that the operation defines."""


class TooMuchToRead(PlatformError):
    """There is more data than one call may read."""

    retryable = False


class UnknownField(PlatformError):
    """The platform's schema does not have a name that the request uses.

    Raised when a GraphQL document does not fit the installation's version; nothing was executed.
    ``texts`` has all errors of the server.
    """

    retryable = False
    texts: tuple[str, ...] = ()


class RollbackNotDone(RollbackError):
    """A rollback was submitted and the Deployment is not known to run the target."""


class OutcomeUnknown(RollbackNotDone):
    """The request was sent, and it is not known whether the platform received it. It is not sent again.

    :param retryable: whether a later try can find the result in the deploy history. Default True.
    """

    retryable = True

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class RollbackFailed(RollbackNotDone):
    """The platform reports that the rollback failed."""


class RollbackSuperseded(RollbackNotDone):
    """Another deploy landed on the Deployment after the rollback."""


class RollbackMismatch(RollbackNotDone):
    """The platform reports that the rollback is done, and the Deployment runs another deploy's content."""


class PodsNotReady(RollbackNotDone):
    """Not every component of the release runs the target's image and is ready; the message says why."""


class FleetIncomplete(RollbackNotDone):
    """Some Deployments of a fleet were not rolled back."""


class RollbackTimedOut(RollbackNotDone):
    """The rollback had not ended at the deadline. It cannot be cancelled and may still end."""

    retryable = True


class StateUnavailable(RollbackError):
    """Airflow could not read or write state that outlives a try."""

    retryable = True


class DeploymentNotDrained(RollbackError):
    """Tasks still ran or waited in a Deployment when the time for the drain was up."""

    retryable = True


class RunNotSuccessful(RollbackError):
    """A task before this one failed, and the state of this one decides the state of the Dag run."""


class DeploymentNotHealthy(RollbackError):
    """A Deployment was required to be healthy, and its verdict is another one."""


class WaitFailed(RollbackError):
    """The wait for a deploy failed."""


class DeployEndedOtherwise(WaitFailed):
    """The deploy has ended in another status than the expected ones, which is final."""


class WaitBrokenOff(WaitFailed):
    """The wait ended without knowing whether the deploy has landed."""

    retryable = True
