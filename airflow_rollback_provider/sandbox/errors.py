# SPDX-License-Identifier: Apache-2.0
"""The refusals of the embedded platform: a name and a message, the same for each API."""

from __future__ import annotations

PERMISSION_TEXT = "You do not have the appropriate permissions for that"
EXPIRED_TEXT = "AUTH_TOKEN_REFRESH_FAILED"


class Refused(Exception):
    """The platform refuses a request.

    :param name: the kind of refusal, stable, for machines.
    :param message: the message for the user.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def not_permitted() -> Refused:
    """Return the refusal for a token without the right; the platform does not name the missing one."""
    return Refused("PermissionError", PERMISSION_TEXT)


def unknown_token() -> Refused:
    """Return the refusal for no token, or one that the platform never issued (assumed text)."""
    return Refused("AuthenticationError", PERMISSION_TEXT)


def expired_token() -> Refused:
    """Return the refusal for a token past its end."""
    return Refused("AuthenticationError", EXPIRED_TEXT)


def unknown_bearer() -> Refused:
    """Return hosted Astro's refusal for no ``Bearer`` token, or one that was never issued (assumed text)."""
    return Refused("AuthenticationError", "Invalid or missing authorization token")


def expired_bearer() -> Refused:
    """Return hosted Astro's refusal for a token past its end (assumed text)."""
    return Refused("AuthenticationError", "The authorization token has expired")


def not_found(what: str, key: str) -> Refused:
    """Return the refusal for an unknown id (assumed text)."""
    return Refused("ResourceNotFoundError", f"{what} with id {key} was not found")


def no_release(name: str) -> Refused:
    """Return the refusal for an unknown release name."""
    return Refused("ResourceNotFoundError", f"No deployment exists with releaseName: {name}")


def invalid(message: str) -> Refused:
    """Return the refusal for an argument that cannot be used."""
    return Refused("ValidationError", message)


def refused_rollback(message: str) -> Refused:
    """Return the refusal for a rollback that the platform's rules forbid (assumed texts)."""
    return Refused("RollbackNotAllowedError", message)
