# SPDX-License-Identifier: Apache-2.0
"""The settings of the embedded platform that a test can change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from airflow_rollback_provider.sandbox.errors import invalid
from airflow_rollback_provider.sandbox.model import DEPLOYED, FAILED
from airflow_rollback_provider.sandbox.variation import vary

HISTORY_SHAPES = ("deploymentUuid", "releaseName")


@dataclass
class Settings:
    """The platform's behaviour, with the defaults of a fresh sandbox.

    ``version``: the value of ``appConfig.version``; fields and flags depend on it.
    ``rollback_seconds`` / ``cross_major_seconds``: the duration of a rollback, within an Airflow major and
    from Airflow 3 to 2.
    ``next_rollbacks``: scripts for the next rollbacks, one for each: ``deployment`` (an id or key;
    without it any Deployment takes the script), ``outcome`` (``DEPLOYED`` or
    ``FAILED``), ``seconds`` (``null``: it never ends), ``reason``, ``applies`` (false: the row says DEPLOYED
    though the Deployment runs on as it was).
    ``retention_days`` and ``nightly_job``: rows older than that are gone, or, with the job off, still
    listed but no longer a target.
    ``refuse_concurrent``: refuse a rollback while a deploy is in progress (else it is superseded).
    ``installation_enabled``: the installation's rollback flag.
    ``error_status``: the HTTP status of GraphQL errors. ``max_take``: the most rows of a history page.
    ``hidden_fields``: parts of the schema that this installation lacks, as ``Type.field`` or
    ``Type.field.argument``; ``hide_assumed`` hides ``Self.permissions`` and
    ``Deployment.deployRollbackEnabled``. ``renamed_fields``: parts with another name in this installation,
    ``{"Type.field": "name"}``, also arguments and words of an enum, as ``Enum.WORD``. ``status_words``: other
    words for the status of a deploy. ``seed``: selects names and words together, and what the installation
    shows of itself (see ``variation.py``); 0 is the installation that is assumed.
    ``expired_tokens``: names of tokens that count as expired.
    ``introspection``: whether the schema may be read. ``authorization``: how Houston takes
    the token, ``both`` (with and without ``Bearer``), ``raw`` or ``bearer``. ``one_operation``: a gateway
    refuses documents with several operations. ``error_extensions``: whether errors of validation have a code.
    ``history_shape``: how the history is read, by ``deploymentUuid``, or by ``releaseName`` with dates.
    """

    version: str = "2.0.0"
    base_domain: str = "sandbox.localhost"
    rollback_seconds: float = 3.0
    cross_major_seconds: float = 8.0
    next_rollbacks: list[dict[str, Any]] = field(default_factory=list)
    retention_days: float = 90.0
    nightly_job: bool = True
    refuse_concurrent: bool = False
    installation_enabled: bool = True
    error_status: int = 200
    max_take: int = 101
    hide_assumed: bool = False
    hidden_fields: list[str] = field(default_factory=list)
    renamed_fields: dict[str, str] = field(default_factory=dict)
    status_words: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    expired_tokens: list[str] = field(default_factory=lambda: ["expired"])
    introspection: bool = True
    authorization: str = "both"
    one_operation: bool = False
    error_extensions: bool = True
    history_shape: str = "deploymentUuid"
    date_offset: float = 0.0

    def update(self, changes: dict[str, Any]) -> None:
        """Change some settings.

        :raises Refused: if a name is unknown or a value has the wrong type; nothing is changed then.
        """
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise invalid(f"Unknown setting {name!r}; known: {', '.join(sorted(known))}")
            if not _same_kind(known[name], value):
                raise invalid(f"Setting {name!r} takes a {type(known[name]).__name__}")
        for script in changes.get("next_rollbacks", ()):
            check_script(script)
        if changes.get("history_shape", HISTORY_SHAPES[0]) not in HISTORY_SHAPES:
            raise invalid(f"The history_shape is one of {', '.join(HISTORY_SHAPES)}")
        if "seed" in changes:
            changes = self._of_seed(changes["seed"]) | changes
        for name, value in changes.items():
            setattr(self, name, value)

    def _of_seed(self, seed: int) -> dict[str, Any]:
        varied = vary(seed)
        return varied if seed else {name: getattr(Settings(), name) for name in varied}

    def as_dict(self) -> dict[str, Any]:
        """Return all settings as JSON values."""
        return asdict(self)


_SCRIPT = ("deployment", "outcome", "seconds", "reason", "applies")


def check_script(script: Any) -> None:
    """Check the script of a deploy.

    :raises Refused: if a field or the outcome is unknown.
    """
    if not isinstance(script, dict) or set(script) - set(_SCRIPT):
        raise invalid(f"The script of a deploy has the fields {', '.join(_SCRIPT)}")
    if script.get("outcome", DEPLOYED) not in (DEPLOYED, FAILED):
        raise invalid(f"A deploy ends {DEPLOYED} or {FAILED}")


def _same_kind(old: object, new: object) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, float):
        return isinstance(new, (int, float))
    return isinstance(new, type(old))
