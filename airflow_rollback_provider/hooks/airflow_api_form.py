# SPDX-License-Identifier: Apache-2.0
"""The form of a connection to an Airflow's REST API. Rare settings are JSON in the form's own field Extra."""

from __future__ import annotations

from typing import Any


def ui_field_behaviour() -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` of a hook returns."""
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


def provider_ui_field_behaviour() -> dict[str, Any]:
    """Return the same as the provider's metadata spells it."""
    return {name.replace("_", "-"): value for name, value in ui_field_behaviour().items()}
