# SPDX-License-Identifier: Apache-2.0
"""The types of Airflow connections, one for each platform, and their forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = ("login", "extra")


@dataclass(frozen=True)
class FormField:
    """One field of the form that is stored in ``extra``.

    :param name: its key in ``extra``.
    :param label: its label in the form.
    :param help: one sentence below the field.
    :param kind: ``string``, ``integer``, ``boolean`` or ``json`` (a text field for JSON).
    :param default: its initial value in the form.
    """

    name: str
    label: str
    help: str
    kind: str = "string"
    default: Any = None


@dataclass(frozen=True)
class ConnectionType:
    """A type of Airflow connections.

    :param name: the type that Airflow stores.
    :param label: its label in the form.
    :param default_conn_id: id of the default connection.
    :param fields: the form's own fields.
    :param labels: labels of Airflow's fields.
    :param placeholders: placeholders of empty fields.
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
        "Switch off for tests only: others on the network could read the token.",
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
        "read_timeout", "Read time-out (s)", "Seconds to wait for a chunk of an answer.", "integer", 30
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
        "Greatest age of the target of a rollback, as configured on the platform.",
        "integer",
        90,
    ),
    FormField(
        "restricted_runtimes",
        "Restricted Runtimes",
        "Runtime versions with major bugs, separated by commas. A plan warns if its target has one.",
    ),
)
_LABELS = {"password": "API token", "schema": "Scheme", "port": "Port"}
_SCHEME = "https (or http for a sandbox on this machine)"


def _history_url(*placeholders: str) -> FormField:
    names = ", ".join(f"{{{name}}}" for name in placeholders)
    return FormField(
        "history_url", "Deploy history URL", f"Template of the page's address; may contain {names}."
    )


PRIVATE_CLOUD = ConnectionType(
    "astro_private_cloud",
    "Astro Private Cloud",
    "astro_private_cloud_default",
    fields=(
        FormField("workspace_id", "Workspace ID", "Required only to find Deployments by their release name."),
        FormField("auth_scheme", "Token scheme", "bearer sends Bearer before the token, none does not."),
        *_NETWORK,
        *_RULES,
        _history_url("app", "deployment_id", "release_name", "workspace_id"),
        FormField(
            "assumptions",
            "Assumptions",
            "JSON that replaces this package's assumptions about the platform's API.",
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
        FormField("organization_id", "Organization ID", "The Organization of the Deployments."),
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
