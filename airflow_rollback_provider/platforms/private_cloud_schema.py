# SPDX-License-Identifier: Apache-2.0
"""The operations in use beside an installation's schema: what differs, and which setting would mend it.

A setting is suggested only after it was read as the connection would read it and compared with the schema
again. Nothing is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.domain.errors import InvalidConnection
from airflow_rollback_provider.domain.findings import Finding, Status, merge
from airflow_rollback_provider.platforms.asked import Asked
from airflow_rollback_provider.platforms.assumptions import FIELDS_MARK, Assumptions, read_assumptions
from airflow_rollback_provider.platforms.private_cloud_advice import (
    CAUTION,
    add,
    by_hand,
    choose_fields,
    choose_scopes,
    not_told,
    of_fields,
    of_request,
)
from airflow_rollback_provider.platforms.private_cloud_uses import DISPENSABLE, NOT_ALWAYS_GIVEN, USES
from airflow_rollback_provider.platforms.schema.arguments import CannotMend
from airflow_rollback_provider.platforms.schema.comparison import differences
from airflow_rollback_provider.platforms.schema.fields import missing, name_missing
from airflow_rollback_provider.platforms.schema.mending import Mended, Wanted, mend
from airflow_rollback_provider.platforms.schema.reader import NotGraphQL, read
from airflow_rollback_provider.platforms.schema.resemblance import pair, resemblance
from airflow_rollback_provider.platforms.schema.syntax import Document, Field, asks_for, write

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.schema.introspection import Kind, Schema

_LEAST = 0.45
# For names that are only shown.
_NEAR = 0.25
_SHOWN = 3
# Without the first three nothing can be planned; without the last one a rollback whose answer was lost cannot
# be found.
_NEEDED_FIELDS = ("id", "created_at", "status", "description")


def compare(schema: Schema, assumptions: Assumptions, in_use: Iterable[str]) -> tuple[Finding, ...]:
    """Compare operations with a schema and suggest settings where they differ. Nothing is applied.

    :param assumptions: what the connection takes for granted now.
    :param in_use: names of the operations.
    """
    return tuple(_Comparison(schema, assumptions, tuple(in_use)).findings())


def problems(schema: Schema, assumptions: Assumptions, name: str) -> tuple[str, ...]:
    """Say where an operation does not fit a schema: nothing if one of its documents does."""
    found = [_problems(schema, text) for text in assumptions.operation(name).documents]
    return min(found, key=len)


def _problems(schema: Schema, text: str) -> tuple[str, ...]:
    try:
        return differences(read(text), schema)
    except NotGraphQL as error:
        return (f"its document cannot be read: {error}",)


class _Comparison:
    """The operations of one connection beside one schema."""

    def __init__(self, schema: Schema, assumptions: Assumptions, in_use: tuple[str, ...]) -> None:
        self._schema = schema
        self._start = assumptions
        self._in_use = in_use
        # As if the settings suggested so far were made.
        self._now = assumptions
        # Type of a deploy in a history, once it is known.
        self._row = ""

    def findings(self) -> Iterator[Finding]:
        differing = [name for name in self._in_use if problems(self._schema, self._now, name)]
        fit = "all fit it" if not differing else f"{len(differing)} differ from it, see below"
        what = f"The installation's schema can be read. Of {len(self._in_use)} operations in use {fit}."
        yield Finding("SCHEMA", Status.OK, what)
        named = self._now
        if differing:
            yield from self._of_fields()
            named = self._with_the_fields_that_are_there()
        for name in differing:
            if problems(self._schema, named, name):
                yield self._of_operation(name, named)
        yield from self._of_scopes()

    # The fields of a deploy

    def _of_fields(self) -> Iterator[Finding]:
        kind = self._find_row()
        if kind is None or not missing(kind, self._schema, self._now.deploy_fields):
            return
        elsewhere = {self._kind_of("deployment"), self._kind_of("workspace")}
        names = name_missing(kind, self._schema, self._now.deploy_fields, elsewhere)
        what = f"{kind.name} has no {', no '.join(self._told(ours) for ours in names.likeliest)}."
        lost = [ours for ours, path in names.likeliest.items() if path is None and ours in _NEEDED_FIELDS]
        if lost:
            yield Finding("SCHEMA-DEPLOY-FIELDS", Status.ERROR, what, choose_fields(lost, names))
            return
        patch = {"deploy_fields": dict(names.likeliest)}
        remedy = f"{add(patch)} {of_fields(names)} {CAUTION}"
        yield Finding("SCHEMA-DEPLOY-FIELDS", Status.ERROR, what, remedy, self._suggest(patch))

    def _with_the_fields_that_are_there(self) -> Assumptions:
        """What the fields lack is told once, and not again for each operation that asks for them."""
        kind = self._schema.kinds.get(self._row)
        lacking = missing(kind, self._schema, self._now.deploy_fields) if kind else ()
        there = {ours: path for ours, path in self._now.deploy_fields.items() if ours not in lacking}
        return replace(self._now, deploy_fields=there or {"id": "__typename"})

    def _told(self, ours: str) -> str:
        return f"{self._now.deploy_fields[ours]} ({ours})"

    def _find_row(self) -> Kind | None:
        """Return the type of a deploy in a history, as far as the schema lets one be found."""
        for name in ("deploys", "survey_history", "deploy", "roll_back"):
            try:
                self._row = self._mend(name).row_kind
            except (CannotMend, NotGraphQL):
                continue
            if self._row:
                return self._schema.kinds[self._row]
        return None

    def _kind_of(self, name: str) -> str:
        """Name the type of a field at the top of a query, empty where there is none."""
        root = self._schema.root("query")
        found = root.fields.get(name) if root else None
        return found.type.named if found else ""

    # One operation

    def _of_operation(self, name: str, named: Assumptions) -> Finding:
        use = USES[name]
        found = problems(self._schema, named, name)
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        what = f"{name}, to {Asked(name).purpose}: {'; '.join(found[:_SHOWN])}{more}."
        try:
            mended = self._mend(name)
            patch = self._patch(name, mended)
        except (CannotMend, NotGraphQL, InvalidConnection) as error:
            remedy = f"{use.without} {by_hand(name, str(error))}{self._signatures(name)}"
            return Finding("SCHEMA-OPERATION", use.gravity, what, remedy)
        if name == "survey_history" and not self._tells_access(mended):
            return not_told(what, mended)
        remedy = f"{use.without} {add(patch)} {of_request(mended)} {CAUTION}"
        return Finding("SCHEMA-OPERATION", use.gravity, what, remedy, self._suggest(patch))

    def _tells_access(self, mended: Mended) -> bool:
        paths = self._start.template("survey_history").paths
        return any(asks_for(mended.document, paths[told]) for told in ("permissions", "toggle"))

    def _patch(self, name: str, mended: Mended) -> dict[str, Any]:
        """Return the setting, if the connection would take it and the schema have it.

        :raises CannotMend: if not.
        """
        operation = {"document": write(mended.document)}
        if mended.result != self._start.template(name).paths["result"]:
            operation["path"] = mended.result
        patch = {name: operation}
        rest = problems(self._schema, self._read(patch), name)
        if rest:
            raise CannotMend("; ".join(rest[:_SHOWN]))
        return patch

    def _mend(self, name: str) -> Mended:
        operation, use = self._start.template(name), USES[name]
        paths = [path for path in self._now.deploy_fields.values() if path]
        wanted = Wanted(
            mark=FIELDS_MARK.removeprefix("..."),
            row_fields=frozenset(path.partition(".")[0] for path in paths),
            row_kind=self._row,
            result=operation.paths["result"],
            many=use.many,
            needed=use.needed,
            dispensable=DISPENSABLE,
            sometimes=NOT_ALWAYS_GIVEN,
        )
        return mend(read(operation.documents[0]), self._schema, wanted)

    def _signatures(self, name: str) -> str:
        """List what the schema has that resembles what the operation asks for, for a person to look at."""
        document = _document(self._start, name)
        root = self._schema.root(document.operation.kind) if document else None
        if document is None or root is None:
            return ""
        asked = [item.name for item in document.operation.selections if isinstance(item, Field)]
        unknown = [item for item in asked if item not in root.fields]
        scored = [
            (max((resemblance(item, found) for item in unknown), default=0.0), found) for found in root.fields
        ]
        alike = [found for score, found in sorted(scored, reverse=True)[:_SHOWN] if score >= _NEAR]
        told = "; ".join(str(root.fields[found]) for found in alike)
        return f" Alike are: {told}." if told else ""

    # The words for what is brought back

    def _of_scopes(self) -> Iterator[Finding]:
        document = _document(self._now, "roll_back")
        declared = document.operation.variables if document else ()
        kind = next((self._schema.of(item.type) for item in declared if item.name == "scope"), None)
        if kind is None or kind.kind != "ENUM":
            return
        unknown = {ours: word for ours, word in self._now.scopes.items() if word not in kind.words}
        if not unknown:
            return
        what = f"{kind.name} has no {', no '.join(unknown.values())}. It has: {', '.join(kind.words)}."
        free = [word for word in kind.words if word not in self._now.scopes.values()]
        chosen = pair(unknown, free, lambda ours, word: resemblance(unknown[ours], word), _LEAST)
        patch = {"scopes": chosen}
        if not chosen:
            yield Finding("SCHEMA-SCOPES", Status.ERROR, what, choose_scopes(unknown))
            return
        rest = [ours for ours in unknown if ours not in chosen]
        left = f" Nothing resembles {', '.join(rest)}: do not ask for it." if rest else ""
        remedy = f"{add(patch)}{left} {CAUTION}"
        yield Finding("SCHEMA-SCOPES", Status.ERROR, what, remedy, self._suggest(patch))

    # Settings

    def _read(self, patch: Mapping[str, Any]) -> Assumptions:
        return read_assumptions(merge(self._now.given, patch), "assumptions")

    def _suggest(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Go on as if a setting were made; return it together with what the connection has already."""
        self._now = self._read(patch)
        return {"assumptions": merge(self._start.given, patch)}


def _document(assumptions: Assumptions, name: str) -> Document | None:
    try:
        return read(assumptions.operation(name).documents[0])
    except NotGraphQL:
        return None
