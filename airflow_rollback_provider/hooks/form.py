# SPDX-License-Identifier: Apache-2.0
"""The form of a connection type in the formats of all Airflow lines, made from one list of fields.

Airflow 2 and 3.1 call methods of the hook; later versions read the provider's metadata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.platforms.connection_types import HIDDEN

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.connection_types import ConnectionType, FormField


def ui_field_behaviour(kind: ConnectionType) -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` of a hook returns."""
    return {
        "hidden_fields": list(HIDDEN),
        "relabeling": dict(kind.labels),
        "placeholders": dict(kind.placeholders),
    }


def provider_connection_type(kind: ConnectionType, hook_class: str) -> dict[str, Any]:
    """Return a connection type as the provider's metadata describes it.

    :param hook_class: full name of its hook.
    """
    return {
        "connection-type": kind.name,
        "hook-class-name": hook_class,
        "hook-name": kind.label,
        "ui-field-behaviour": with_dashes(ui_field_behaviour(kind)),
        "conn-fields": {field.name: _described(field) for field in kind.fields},
    }


def with_dashes(behaviour: dict[str, Any]) -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` returns as the provider's metadata spells it."""
    return {name.replace("_", "-"): value for name, value in behaviour.items()}


def form_widgets(kind: ConnectionType) -> dict[str, Any]:
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
        for field in kind.fields
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


def airflow_api_behaviour() -> dict[str, Any]:
    """Return the same for an Airflow's REST API. Rare settings are JSON in the field Extra."""
    return {
        "hidden_fields": [],
        "relabeling": {
            "host": "Address of Airflow",
            "login": "Login (empty: the password is a token)",
            "password": "Password or token",
            "schema": "Scheme",
        },
        "placeholders": {
            "host": "https://deployments.example.com/stellar-orbit-4821/airflow",
            "schema": "https (or http for an Airflow on this machine)",
            "extra": '{"api_version": "v2", "auth_scheme": "bearer", "read_timeout": 30, "verify": true}',
        },
    }
