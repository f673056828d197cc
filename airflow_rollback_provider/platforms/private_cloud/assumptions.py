# SPDX-License-Identifier: Apache-2.0
"""Assumptions about Astro Private Cloud's API, where no public text describes it.

Documents that published clients send are in ``documents/known``, those with fields that are published
elsewhere in ``documents/likely``, assumed ones in ``documents/assumed``. The connection's extra field
``assumptions`` replaces any of them without a new version of this package::

    {"roll_back": {"document": "mutation …", "path": "undoDeploy.deploy"},
     "deploy_fields": {"image_tag": "tag", "dag_bundle": null},
     "statuses": {"LIVE": "succeeded"}}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from airflow_rollback_provider.domain.deploys import DeployStatus, Scope
from airflow_rollback_provider.domain.errors import InvalidConnection

FIELDS_PLACEHOLDER = "...DeployFields"
_CANNOT_BE_NULL = ("id", "created_at", "status", "description")
NEEDED_FIELDS = (*_CANNOT_BE_NULL, "rolled_back_to")
"""Deploy fields that are never left out by themselves.

The idempotency key is in the description. Without ``rolled_back_to`` a rollback looks like any other deploy,
and what was rolled back from would be chosen again.
"""


@dataclass(frozen=True)
class Operation:
    """One GraphQL operation.

    :param name: its key in the assumptions.
    :param documents: the texts, latest installation first; the next is sent when a name in one is unknown.
    :param paths: the path of each value in ``data``, by name; ``result`` is the main one.
    """

    name: str
    documents: tuple[str, ...]
    paths: Mapping[str, str]


@cache
def load(name: str) -> str:
    """Read a document of the package, for example ``known/logs``."""
    folder, _, file = name.partition("/")
    return files(__package__).joinpath("documents", folder, f"{file}.graphql").read_text(encoding="utf-8")


# name: (documents, paths)
_OPERATIONS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "survey_context": (
        ("likely/survey_context",),
        {
            "result": "deployment",
            "version": "appConfig.version",
            "base_domain": "appConfig.baseDomain",
            "flags": "appConfig.featureFlags",
        },
    ),
    "deployment": (("likely/deployment",), {"result": "deployment"}),
    "deployment_before_1_0": (("known/deployment_before_1_0",), {"result": "deployment"}),
    "workspace_deployments": (("known/workspace_deployments",), {"result": "workspaceDeployments"}),
    "all_deployments": (("known/all_deployments",), {"result": "paginatedDeployments"}),
    "logs": (("known/logs",), {"result": "logs"}),
    "check": (
        ("assumed/check", "known/check_known"),
        {
            "result": "appConfig",
            "version": "appConfig.version",
            "base_domain": "appConfig.baseDomain",
            "flags": "appConfig.featureFlags",
            "who": "self.username",
            "permissions": "self.permissions",
        },
    ),
    "survey_history": (
        ("assumed/survey_history", "assumed/survey_history_before_2_0"),
        {
            "result": "paginatedDeployRevisions",
            "permissions": "self.permissions",
            "is_admin": "self.isAdmin",
            "roles": "self.user.roleBindings",
            "toggle": "deployment.deployRollbackEnabled",
            "health": "deployment.status",
            "flags": "appConfig.featureFlags",
        },
    ),
    "deploys": (("assumed/deploys",), {"result": "paginatedDeployRevisions"}),
    "deploys_by_release_name": (
        ("assumed/deploys_by_release_name",),
        {"result": "paginatedDeployRevisions"},
    ),
    "deploy": (("assumed/deploy",), {"result": "deployRevision"}),
    "roll_back": (("assumed/roll_back",), {"result": "rollbackDeployment"}),
}

_DEPLOY_FIELDS: dict[str, str | None] = {
    "id": "id",
    "deployment_id": "deploymentUuid",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
    "status": "status",
    "type": "type",
    "image_repository": "imageRepository",
    "image_tag": "imageTag",
    "runtime_version": "runtimeVersion",
    "airflow_version": "airflowVersion",
    "dag_bundle": "dagBundleVersion",
    "mechanism": "dagDeploymentType",
    "git_commit": "gitCommit",
    "description": "description",
    "created_by": "createdBy.username",
    "rolled_back_to": "rollbackFromId",
    "scope": "scope",
    "status_reason": "statusReason",
}
# Hosted Astro uses the same words (its published API document).
_STATUSES = {"INITIALIZED": "in progress", "DEPLOYED": "succeeded", "FAILED": "failed"}
_SCOPES = {"image": "IMAGE", "dags": "DAGS", "image_and_dags": "IMAGE_AND_DAGS"}
# The chart's settings (public astronomer/astronomer Helm chart) are known, their keys in featureFlags not.
_FLAGS = (
    "deploymentLifecycle.deployRollback.enabled",
    "deployRollback.enabled",
    "deployRollbackEnabled",
    "deployRollback",
)


@dataclass(frozen=True)
class Assumptions:
    """Assumptions about an installation.

    :param replaced: operations that the connection replaces, by name.
    :param deploy_fields: our name of a deploy's field → its path in a row; None if the platform has no
        such field.
    :param statuses: the platform's word, in capitals → :class:`DeployStatus`.
    :param scopes: our scope → the platform's word.
    :param flags: possible keys of the installation's switch in ``featureFlags``, the likeliest first.
    :param log_component: component whose log lines are read; None reads those of all.
    :param given: the value of the connection's field ``assumptions``.
    """

    replaced: Mapping[str, Operation] = field(default_factory=dict)
    deploy_fields: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType(_DEPLOY_FIELDS))
    statuses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_STATUSES))
    scopes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_SCOPES))
    flags: tuple[str, ...] = _FLAGS
    log_component: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given_fields(self) -> Mapping[str, Any]:
        """The deploy fields that the connection sets. Nothing else changes them."""
        return dict(self.given.get("deploy_fields") or {})

    def template(self, name: str) -> Operation:
        """Return an operation with the placeholder of the deploy fields in its documents."""
        return self.replaced.get(name) or _built_in(name)

    def operation(self, name: str) -> Operation:
        """Return an operation with the deploy fields in its documents."""
        found = self.template(name)
        # A rollback is never refused for a field that its answer need not have.
        selection = self.selection(NEEDED_FIELDS if name == "roll_back" else None)
        return replace(
            found, documents=tuple(text.replace(FIELDS_PLACEHOLDER, selection) for text in found.documents)
        )

    def source(self, name: str, number: int) -> str:
        """Return the place of one of an operation's documents, for a user who corrects it."""
        if name in self.replaced:
            return "the document of the connection"
        return f"platforms/private_cloud/documents/{_OPERATIONS[name][0][number]}.graphql"

    def selection(self, names: Collection[str] | None = None) -> str:
        """Return the GraphQL selection of a deploy's fields.

        :param names: our names of the fields. Default: all.
        """
        fields = self.deploy_fields.items()
        chosen = [path for name, path in fields if path and (names is None or name in names)]
        return _write_selection([path.split(".") for path in chosen])

    def status(self, word: str | None) -> DeployStatus:
        """Return the status for the platform's word; one that is not listed is ``UNKNOWN``."""
        known = self.statuses.get((word or "").upper())
        return DeployStatus(known) if known else DeployStatus.UNKNOWN

    def scope(self, word: str | None) -> Scope | None:
        """Return the scope for the platform's word; None for none or one that is not listed."""
        return next((Scope(ours) for ours, theirs in self.scopes.items() if word and theirs == word), None)


def read_assumptions(values: object, where: str) -> Assumptions:
    """Read the connection's extra field ``assumptions``.

    :param values: the JSON value; None or an empty one replaces nothing.
    :param where: the connection and the field, for errors.
    :raises InvalidConnection: for an unknown key, with the known keys, or an invalid value.
    """
    given = _mapping(values or {}, where)
    known = (*_OPERATIONS, *_PARTS)
    for key in given:
        if key not in known:
            raise InvalidConnection(f"{where}: {key!r} is not an assumption. Known: {', '.join(known)}.")
    parts = {key: read(given[key], f"{where}.{key}") for key, read in _PARTS.items() if key in given}
    replaced = {key: _operation(key, given[key], f"{where}.{key}") for key in _OPERATIONS if key in given}
    if "deploys" in replaced and "survey_history" not in replaced:
        # The built-in document for the survey's history does not fit either.
        replaced["survey_history"] = replace(replaced["deploys"], name="survey_history")
    return Assumptions(replaced=replaced, given=given, **parts)


def _built_in(name: str) -> Operation:
    documents, paths = _OPERATIONS[name]
    return Operation(name, tuple(load(document) for document in documents), paths)


def _operation(name: str, value: object, where: str) -> Operation:
    given = _mapping(value, where)
    built_in = _built_in(name)
    allowed = ("document", "path", *(f"{key}_path" for key in built_in.paths if key != "result"))
    for key, text in given.items():
        if key not in allowed:
            raise InvalidConnection(f"{where}: {key!r} is not known here. Known: {', '.join(allowed)}.")
        if not isinstance(text, str) or not text.strip():
            raise InvalidConnection(f"{where}.{key} must be a text that is not empty.")
    names = {"path": "result", **{f"{key}_path": key for key in built_in.paths}}
    paths = {names[key]: text for key, text in given.items() if key != "document"}
    documents = (given["document"],) if "document" in given else built_in.documents
    # A read may be sent twice, so its document must not be a mutation.
    kind = "mutation" if name == "roll_back" else "query"
    if [found for found in _kinds(documents[0]) if found != "fragment"] != [kind]:
        raise InvalidConnection(f"{where}.document must contain exactly one GraphQL operation, a {kind}.")
    return Operation(name, documents, {**built_in.paths, **paths})


def _kinds(document: str) -> list[str]:
    """Return the kind of each definition: ``query``, ``mutation``, ``subscription`` or ``fragment``."""
    code = re.sub(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*', " ", document)
    kinds, depth, head = [], 0, ""
    for character in code:
        if character == "{" and depth == 0:
            kinds.append(((head.split() or ["query"])[0]).partition("(")[0])
            head = ""
        elif depth == 0 and character not in "})":
            head += character
        depth += (character in "{(") - (character in "})")
    return kinds


def _deploy_fields(value: object, where: str) -> Mapping[str, str | None]:
    given = _mapping(value, where)
    for key, path in given.items():
        if key not in _DEPLOY_FIELDS:
            raise InvalidConnection(
                f"{where}: {key!r} is not a field of a deploy. Known: {', '.join(_DEPLOY_FIELDS)}."
            )
        if path is None and key in _CANNOT_BE_NULL:
            raise InvalidConnection(f"{where}.{key} cannot be null: no plan can be made without it.")
        if path is not None and not (
            isinstance(path, str) and re.fullmatch(r"[_A-Za-z]\w*(\.[_A-Za-z]\w*)*", path)
        ):
            raise InvalidConnection(
                f"{where}.{key} must be a field's name, a path of names with dots, or null."
            )
    return {**_DEPLOY_FIELDS, **given}


def _statuses(value: object, where: str) -> Mapping[str, str]:
    given = _mapping(value, where)
    words = [status.value for status in DeployStatus]
    for key, word in given.items():
        if word not in words:
            raise InvalidConnection(f"{where}.{key} must be one of: {', '.join(words)}.")
    return {**_STATUSES, **{key.upper(): word for key, word in given.items()}}


def _scopes(value: object, where: str) -> Mapping[str, str]:
    given = _mapping(value, where)
    for key, word in given.items():
        if key not in _SCOPES or not isinstance(word, str) or not word:
            raise InvalidConnection(f"{where}: write the platform's word for any of {', '.join(_SCOPES)}.")
    scopes = {**_SCOPES, **given}
    if len(set(scopes.values())) < len(scopes):
        raise InvalidConnection(f"{where}: two scopes have the same word. One would roll back another part.")
    return scopes


def _flags(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise InvalidConnection(f"{where} must be a list of keys in featureFlags, with dots between levels.")
    return tuple(value)


def _log_component(value: object, where: str) -> str | None:
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidConnection(
            f"{where} must be a component's name such as airflow-downgrade, or null for all."
        )
    return value


_PARTS: dict[str, Callable[[object, str], Any]] = {
    "deploy_fields": _deploy_fields,
    "statuses": _statuses,
    "scopes": _scopes,
    "flags": _flags,
    "log_component": _log_component,
}


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidConnection(f"{where} must be a JSON object.")
    return value


def _write_selection(paths: list[list[str]]) -> str:
    tree: dict[str, list[list[str]]] = {}
    for head, *rest in paths:
        tree.setdefault(head, []).extend([rest] if rest else [])
    return " ".join(
        f"{name} {{ {_write_selection(below)} }}" if below else name for name, below in tree.items()
    )
