# SPDX-License-Identifier: Apache-2.0
"""The types of Airflow connections, one for each platform, and what the form of each asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = ("login", "extra")


@dataclass(frozen=True)
class FormField:
    """One field of the form that is kept in ``extra``.

    :param name: its key in ``extra``.
    :param label: what the form calls it.
    :param help: one sentence below the field.
    :param kind: ``string``, ``integer``, ``boolean`` or ``json`` (a text field for JSON).
    :param default: what the form shows at first.
    """

    name: str
    label: str
    help: str
    kind: str = "string"
    default: Any = None


@dataclass(frozen=True)
class ConnectionType:
    """A type of Airflow connections.

    :param name: what Airflow stores as the type.
    :param label: what the form calls it.
    :param default_conn_id: id of the connection that is taken where none is named.
    :param fields: the form's own fields.
    :param labels: what the form calls Airflow's fields.
    :param placeholders: what stands in fields that are empty.
    """

    name: str
    label: str
    default_conn_id: str
    fields: tuple[FormField, ...]
    labels: Mapping[str, str]
    placeholders: Mapping[str, str]


_NETWORK = (
    FormField(
        "verify",
        "Check the certificate",
        "Switch off for tests only: anybody on the way could read the token.",
        "boolean",
        True,
    ),
    FormField(
        "ca_bundle",
        "CA bundle",
        "File on the workers with the authorities that signed the platform's certificate.",
    ),
    FormField("connect_timeout", "Connect time-out (s)", "Seconds to reach the platform.", "integer", 5),
    FormField(
        "read_timeout", "Read time-out (s)", "Seconds to wait for a piece of an answer.", "integer", 30
    ),
    FormField(
        "proxies",
        "Proxies",
        'URL of a proxy, or JSON such as {"https": "http://proxy:3128"}. Empty: those of the environment.',
    ),
)
_RULES = (
    FormField(
        "retention_days",
        "Retention (days)",
        "How old a deploy may be that is rolled back to; as configured on the platform.",
        "integer",
        90,
    ),
    FormField(
        "restricted_runtimes",
        "Restricted Runtimes",
        "Runtime versions with major bugs, separated by commas: a plan that goes back to one warns of it.",
    ),
)
_LABELS = {"password": "API token", "schema": "Scheme", "port": "Port"}
_SCHEME = "https (or http for a sandbox on this machine)"


def _history_url(*placeholders: str) -> FormField:
    names = ", ".join(f"{{{name}}}" for name in placeholders)
    return FormField(
        "history_url", "Deploy history URL", f"Template of the page's address; may hold {names}."
    )


PRIVATE_CLOUD = ConnectionType(
    "astro_private_cloud",
    "Astro Private Cloud",
    "astro_private_cloud_default",
    fields=(
        FormField("workspace_id", "Workspace ID", "Needed only to name Deployments by their release name."),
        *_NETWORK,
        *_RULES,
        _history_url("app", "deployment_id", "release_name", "workspace_id"),
        FormField(
            "assumptions",
            "Assumptions",
            "JSON that replaces what this package assumes about the platform's API.",
            "json",
        ),
    ),
    labels={"host": "Base URL or base domain", **_LABELS},
    placeholders={
        "host": "https://houston.example.com",
        "schema": _SCHEME,
        "password": "a service account's API key or a user's token, without Bearer",
    },
)
ASTRO = ConnectionType(
    "astro",
    "Astro",
    "astro_default",
    fields=(
        FormField("organization_id", "Organization ID", "The Organization that the Deployments belong to."),
        *_NETWORK,
        *_RULES,
        _history_url("app", "deployment_id", "release_name", "workspace_id", "organization_id"),
    ),
    labels={"host": "Base URL", **_LABELS},
    placeholders={
        "host": "https://api.astronomer.io",
        "schema": _SCHEME,
        "password": "an Organization, Workspace or Deployment API token, without Bearer",
    },
)
