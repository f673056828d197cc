# SPDX-License-Identifier: Apache-2.0
"""The connection form, from one list of fields.

Airflow 2 and 3.1 ask the hook for it, later versions read the provider's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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


FIELDS: tuple[FormField, ...] = (
    FormField("workspace_id", "Workspace ID", "Needed only to name Deployments by their release name."),
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
    FormField(
        "history_url",
        "Deploy history URL",
        "Template of the page's address; may hold {app}, {deployment_id}, {release_name}, {workspace_id}.",
    ),
    FormField(
        "assumptions",
        "Assumptions",
        "JSON that replaces what this package assumes about the platform's API.",
        "json",
    ),
)

HIDDEN = ("login", "extra")
RELABELING = {"host": "Base URL or base domain", "password": "API token", "schema": "Scheme", "port": "Port"}
PLACEHOLDERS = {
    "host": "https://houston.example.com",
    "schema": "https (or http for a sandbox on this machine)",
    "password": "a service account's API key or a user's token, without Bearer",
}


def ui_field_behaviour() -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` of a hook returns."""
    return {"hidden_fields": list(HIDDEN), "relabeling": dict(RELABELING), "placeholders": dict(PLACEHOLDERS)}


def provider_ui_field_behaviour() -> dict[str, Any]:
    """Return the same as the provider's metadata spells it."""
    return {name.replace("_", "-"): value for name, value in ui_field_behaviour().items()}


def provider_conn_fields() -> dict[str, Any]:
    """Return the fields as the provider's metadata describes them."""
    return {field.name: _described(field) for field in FIELDS}


def form_widgets() -> dict[str, Any]:
    """Return what ``get_connection_form_widgets`` of a hook returns.

    Needs WTForms, which Airflow's web server has.
    """
    # They come with Airflow 2 alone and have no types.
    from flask_babel import lazy_gettext  # type: ignore[import-not-found,unused-ignore]
    from wtforms import BooleanField, IntegerField, StringField  # type: ignore[import-untyped,unused-ignore]
    from wtforms.validators import Optional  # type: ignore[import-untyped,unused-ignore]

    kinds = {"boolean": BooleanField, "integer": IntegerField}
    return {
        field.name: kinds.get(field.kind, StringField)(
            lazy_gettext(field.label),
            validators=[Optional()],
            description=field.help,
            default=field.default,
            widget=_widget(field.kind),
        )
        for field in FIELDS
    }


def _widget(kind: str) -> Any:
    from flask_appbuilder.fieldwidgets import (  # type: ignore[import-not-found,unused-ignore]
        BS3TextFieldWidget,
    )

    return None if kind == "boolean" else BS3TextFieldWidget()


def _described(field: FormField) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string" if field.kind == "json" else field.kind, "null"]}
    if field.default is not None:
        schema["default"] = field.default
    if field.kind == "json":
        schema["format"] = "multiline"
    return {"label": field.label, "description": field.help, "schema": schema}
