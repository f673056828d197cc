# SPDX-License-Identifier: Apache-2.0
"""The address of a Deployment's deploy history in the platform's UI: a template and its values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_rollback_provider.http.connection_fields import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from airflow_rollback_provider.http.connection_fields import Fields

_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def read_template(fields: Fields, default: str, placeholders: tuple[str, ...]) -> str:
    """Read the connection's own template.

    :param default: the template for a connection without one.
    :param placeholders: names that are allowed in braces.
    :raises InvalidConnection: for other braces, or an invalid address.
    """
    template = fields.text("history_url")
    if template is None:
        return default
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in placeholders]
    stray = re.sub(_PLACEHOLDER, "", template)
    if unknown or "{" in stray or "}" in stray:
        raise fields.invalid(
            "history_url",
            f"may contain {', '.join(f'{{{name}}}' for name in placeholders)} and no other braces",
        )
    if not template.startswith(("https://", "http://", "{app}")):
        raise fields.invalid("history_url", "must begin with https:// or {app}")
    return template


def fill(template: str, values: Mapping[str, str | None]) -> str | None:
    """Fill in a template; return None if one of its values is unknown.

    :param values: values by the name of the placeholder; all but ``app`` are quoted.
    """
    if any(not value for name, value in values.items() if f"{{{name}}}" in template):
        return None
    quoted = {name: value if name == "app" else quote(value or "", safe="") for name, value in values.items()}
    return template.format_map(quoted)


def ui_address(url: SplitResult, *, api: str, ui: str) -> str | None:
    """Derive the address of the UI, which is beside the API on the same domain; None where it is not known.

    :param api: the first part of the API's host: ``houston`` (documentation) or ``api`` (astro-cli).
    :param ui: the first part of the UI's host: ``app`` (documentation) or ``cloud`` (astro-cli).
    """
    if is_loopback(url):
        return f"{url.scheme}://{url.netloc}"
    service, _, domain = (url.hostname or "").partition(".")
    return f"https://{ui}.{domain}" if service == api and domain else None
