# SPDX-License-Identifier: Apache-2.0
"""Comparison of the GraphQL documents of this package with the schema of an installation.

graphql-core validates each document, as the server does before it runs one. Each difference is one finding
with the difference, the probable name and the setting to add. No setting is applied. Importing graphql-core
is slow, so only the doctor imports this module.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_client_schema,
    get_named_type,
    get_operation_ast,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    parse,
    type_from_ast,
    validate,
    visit,
)
from graphql.pyutils import suggestion_list

from airflow_rollback_provider.domain.findings import Finding, Status, merge
from airflow_rollback_provider.platforms.private_cloud.assumptions import (
    FIELDS_PLACEHOLDER,
    NEEDED_FIELDS,
    Assumptions,
)
from airflow_rollback_provider.platforms.private_cloud.errors import DESTROYS
from airflow_rollback_provider.platforms.private_cloud.graphql import NO_FIELD
from airflow_rollback_provider.platforms.private_cloud.installation import Installation
from airflow_rollback_provider.platforms.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ObjectType = GraphQLObjectType | GraphQLInterfaceType

_CAUTION = "Check in the schema (the Docs tab of the API) that it has the same meaning. It was not tried."
_PROBE = "deployTypeProbe"
_SHOWN = 20
_LONGEST_REASON = 200
_MAX_ERRORS = 20
# Errors of the library for a damaged answer.
_DAMAGED = (GraphQLError, TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError)


class NoSchema(ValueError):
    """An answer to the introspection query contains no usable schema."""


@dataclass(frozen=True)
class Use:
    """Use of an operation.

    :param status: status of a finding on it.
    :param without: the consequence of its absence, as a sentence.
    """

    status: Status
    without: str


_HISTORY = Use(Status.ERROR, "Without it no deploy history can be read and no rollback planned.")
USES: Mapping[str, Use] = {
    "check": Use(Status.WARNING, "Without it the doctor cannot show the token's owner."),
    "survey_context": Use(Status.ERROR, "Without it no rollback can be planned."),
    "deploys": _HISTORY,
    "deploys_by_release_name": _HISTORY,
    "survey_history": Use(Status.WARNING, "Without it plans do not check permissions and toggle."),
    "deploy": Use(Status.ERROR, "Without it a deploy that is not among the latest cannot be read by its id."),
    "deployment": Use(Status.ERROR, "Without it a Deployment cannot be checked after a rollback."),
    "roll_back": Use(Status.ERROR, "Without it no Deployment can be rolled back."),
    "logs": Use(Status.WARNING, "Without it the platform's log lines do not reach the task log."),
    "workspace_deployments": Use(
        Status.WARNING, "Without it Deployments cannot be found by their release name."
    ),
    "deployment_before_1_0": Use(Status.WARNING, "Without it the Deployment's Airflow version is unknown."),
}


def operations_in_use(version: object, *, has_workspace: bool, by_release_name: bool) -> tuple[str, ...]:
    """Return the names of the operations that a connection needs.

    :param version: the installation's version, if it is known.
    :param has_workspace: whether the connection has a workspace, in which release names are searched.
    :param by_release_name: whether the history is read by release name, because it cannot be read by id.
    """
    left_out = set() if has_workspace else {"workspace_deployments"}
    left_out |= {"deploys", "survey_history"} if by_release_name else {"deploys_by_release_name"}
    if not (isinstance(version, str) and version.startswith("0.")):
        left_out.add("deployment_before_1_0")
    return tuple(name for name in USES if name not in left_out)


def read_schema(data: Mapping[str, Any]) -> GraphQLSchema:
    """Return the schema from the data of an answer to the introspection query.

    :raises NoSchema: when it is not a schema, damaged or incomplete.
    """
    try:
        # The schema is not validated itself: a server runs it.
        schema = build_client_schema(data, assume_valid=True)  # type: ignore[arg-type]  # checked by building
        for kind in schema.type_map.values():
            getattr(kind, "values", None)  # an enum's are built on first use, and damaged ones fail then
        return schema
    except _DAMAGED as error:
        raise NoSchema(" ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__) from None


def compare(schema: GraphQLSchema, assumptions: Assumptions, in_use: Iterable[str]) -> tuple[Finding, ...]:
    """Compare operations with a schema; return a finding for each difference.

    :param assumptions: the connection's assumptions about the API.
    :param in_use: names of the operations.
    """
    return tuple(_Comparison(schema, assumptions, tuple(in_use)).findings())


def differences(schema: GraphQLSchema, assumptions: Assumptions, name: str) -> list[GraphQLError]:
    """Return the errors of the operation's best document for a schema; none if one fits."""
    return min((_validate(schema, text) for text in assumptions.operation(name).documents), key=len)


def _validate(schema: GraphQLSchema, text: str) -> list[GraphQLError]:
    try:
        document = parse(text)
        operation = get_operation_ast(document)
        if operation is not None and schema.get_root_type(operation.operation) is None:
            return [GraphQLError(f"The schema has no {operation.operation.value}.")]
        return validate(schema, document, max_errors=_MAX_ERRORS)
    except RecursionError:
        return [GraphQLError("The document is nested too deeply.")]
    except GraphQLError as error:
        what = f"The document cannot be parsed. {error.message}"
        return [GraphQLError(what, source=error.source, positions=error.positions)]


# Names of another meaning, however similar.
_OTHER_MEANING = re.compile(r"previous|before|last|next|desired|target|deleted|user|by\b|By$", re.IGNORECASE)
# A wrong one would lead to a wrong rollback, or hide one that was made.
_NOT_GUESSED = ("id", "deployment_id", "description", "rolled_back_to", "scope")
_NO_TEXTS = ("Boolean", "Int", "Float")


def similar_fields(schema: GraphQLSchema, assumptions: Assumptions) -> dict[str, str | None]:
    """Return the only similar name of each deploy field that the schema does not have; None if there is none.

    Fields that the connection sets, and required ones without a similar name, are left out. Some names are
    never guessed.
    """
    row = _Comparison(schema, assumptions, ()).row
    if row is None:
        return {}
    used = {path for path in assumptions.deploy_fields.values() if path}
    free = [path for path in _paths(row) if path not in used and _may_be(row, path)]
    found: dict[str, str | None] = {}
    for ours, path in assumptions.deploy_fields.items():
        if not path or _has(row, path) or ours in assumptions.given_fields:
            continue
        similar = _similar(path, free) if ours not in _NOT_GUESSED else []
        if len(similar) == 1:
            free.remove(similar[0])
            found[ours] = similar[0]
        elif ours not in NEEDED_FIELDS:
            found[ours] = None
    return found


def _may_be(row: ObjectType, path: str) -> bool:
    """Whether a field may have the meaning of ours: it is a text, and its name has no other meaning."""
    kind: object = row
    for name in path.split("."):
        kind = get_named_type(kind.fields[name].type) if isinstance(kind, ObjectType) else kind
    return getattr(kind, "name", "") not in _NO_TEXTS and not _OTHER_MEANING.search(path)


class _Comparison:
    """The operations of one connection and one schema."""

    def __init__(self, schema: GraphQLSchema, assumptions: Assumptions, in_use: tuple[str, ...]) -> None:
        self._schema = schema
        self._assumptions = assumptions
        self._in_use = in_use
        self.row = self._find_row()

    def findings(self) -> Iterator[Finding]:
        differ = [name for name in self._in_use if differences(self._schema, self._assumptions, name)]
        fit = f"{len(differ)} differ from it, see below" if differ else "all fit it"
        what = f"The installation's schema can be read. Of {len(self._in_use)} operations in use {fit}."
        yield Finding("SCHEMA", Status.OK, what)
        missing: dict[str, str] = {}
        if self.row is not None:
            paths = self._assumptions.deploy_fields
            missing = {ours: path for ours, path in paths.items() if path and not _has(self.row, path)}
            yield from self._compare_fields(self.row, missing)
        # A missing field is one finding, not one for each operation that requests it.
        present = {
            ours: path for ours, path in self._assumptions.deploy_fields.items() if ours not in missing
        }
        for name in differ:
            yield from self._compare_operation(name, replace(self._assumptions, deploy_fields=present))
        yield from self._compare_scopes()

    # The fields of a deploy

    def _find_row(self) -> ObjectType | None:
        """Return the type of a deploy: the type at the placeholder, or that of one of its fields."""
        heads = {path.partition(".")[0] for path in self._assumptions.deploy_fields.values() if path}
        for name in ("deploys", "survey_history", "deploy", "roll_back"):
            for text in self._assumptions.template(name).documents:
                outer = self._type_at_placeholder(text)
                if outer is not None:
                    inner = [get_named_type(field.type) for field in outer.fields.values()]
                    candidates = [outer, *(item for item in inner if isinstance(item, ObjectType))]
                    return max(candidates, key=lambda item: len(heads & set(item.fields)))
        return None

    def _type_at_placeholder(self, text: str) -> ObjectType | None:
        """Return the type of the object at the placeholder of the deploy fields; None if it is unknown."""
        info, found = TypeInfo(self._schema), []

        class Probe(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                if node.name.value == _PROBE:
                    found.append(info.get_parent_type())

        try:
            visit(parse(text.replace(FIELDS_PLACEHOLDER, _PROBE)), TypeInfoVisitor(info, Probe()))
        except (GraphQLError, RecursionError):
            return None
        return next((item for item in found if isinstance(item, ObjectType)), None)

    def _compare_fields(self, row: ObjectType, missing: Mapping[str, str]) -> Iterator[Finding]:
        used = {path for path in self._assumptions.deploy_fields.values() if path}
        free = [path for path in _paths(row) if path not in used]
        if len(missing) == len(used):
            yield self._all_fields_missing(row, free)
            return
        for ours, path in missing.items():
            similar = next(iter(_similar(path, free)), None)
            if similar in free:
                free.remove(similar)
            yield self._missing_field(f"{row.name} has no {path} ({ours}).", ours, similar, free)

    def _all_fields_missing(self, row: ObjectType, free: Iterable[str]) -> Finding:
        setting = _json_of({"deploy_fields": dict.fromkeys(NEEDED_FIELDS, "<its name there>")})
        remedy = f"Set the names in the connection's extra: {setting}. {_choices(free)}"
        what = f"{row.name} has none of the fields of a deploy under the names in use."
        return Finding("SCHEMA-DEPLOY-FIELDS", Status.ERROR, what, remedy)

    def _missing_field(self, what: str, ours: str, similar: str | None, free: Iterable[str]) -> Finding:
        if similar is None and ours in NEEDED_FIELDS:
            setting = _json_of({"deploy_fields": {ours: "<its name there>"}})
            remedy = (
                "No name there is similar, and the field is required. Set its name in the connection's "
                f"extra: {setting}. {_choices(free)}"
            )
            return Finding("SCHEMA-DEPLOY-FIELDS", Status.ERROR, what, remedy)
        patch = {"deploy_fields": {ours: similar}}
        null = f"No name there is similar: null omits the field from plans. {_choices(free)}"
        status = Status.ERROR if ours in NEEDED_FIELDS else Status.WARNING
        why = f"Probable name: {similar}. {_CAUTION}" if similar else null
        remedy = f"Add to the connection's extra: {_json_of(patch)}. {why}"
        return Finding("SCHEMA-DEPLOY-FIELDS", status, what, remedy, self._setting(patch))

    # One operation

    def _compare_operation(self, name: str, assumptions: Assumptions) -> Iterator[Finding]:
        documents = assumptions.template(name).documents
        found = [self._validate_without_missing(text, assumptions) for text in documents]
        number = min(range(len(found)), key=lambda index: len(found[index]))
        source = assumptions.source(name, number)
        for error in {item.message: item for item in found[number]}.values():
            yield self._differing_operation(name, source, error)
        outer = self._type_at_placeholder(documents[number])
        if outer is not None and outer is not self.row:
            yield self._wrapped_row(name, outer, source)

    def _validate_without_missing(self, text: str, assumptions: Assumptions) -> list[GraphQLError]:
        is_row = self._type_at_placeholder(text) is self.row
        selection = assumptions.selection() if is_row else ""
        return _validate(self._schema, text.replace(FIELDS_PLACEHOLDER, selection or "__typename"))

    def _differing_operation(self, name: str, source: str, error: GraphQLError) -> Finding:
        use, missing = USES[name], NO_FIELD.match(error.message)
        message, _, suggestion = error.message.partition(" Did you mean")
        if suggestion and not DESTROYS.search(suggestion):
            message = error.message
        line = f", line {error.locations[0].line}" if error.locations else ""
        what = f"{name}, to {RequestContext(name).description}: {message} ({source}{line})"
        similar, path = self._similar_fields(name, missing["name"], missing["type"]) if missing else ("", {})
        setting = _json_of({name: {"document": "<GraphQL>", **path}})
        status, without = use.status, use.without
        if self._is_left_out(name, error):
            status = Status.WARNING if suggestion else Status.UNKNOWN
            without = "The requests leave it out."
        remedy = f"{without} {similar}Correct it in a copy of {source}, in the connection's extra: "
        return Finding("SCHEMA-OPERATION", status, what, f"{remedy}{setting}.")

    def _is_left_out(self, name: str, error: GraphQLError) -> bool:
        """Whether a read goes on without what the schema does not have."""
        if name == "roll_back" or error.source is None:
            return False
        return Installation(self._assumptions).needed(name, error.source.body, [error.message]) is None

    def _similar_fields(self, name: str, field: str, kind: str) -> tuple[str, dict[str, str]]:
        """Describe the fields that are similar to a missing one; return the result's path if it changes."""
        parent = self._schema.get_type(kind)
        fields = parent.fields if isinstance(parent, ObjectType) else {}
        harmless = [item for item in fields if not DESTROYS.search(item)]
        names = (_similar(field, harmless) or get_close_matches(field, harmless, cutoff=0.4))[:3]
        found = "; ".join(_signature(item, fields[item]) for item in names)
        root, dot, rest = self._assumptions.template(name).paths["result"].partition(".")
        path = f"{names[0]}{dot}{rest}" if len(names) == 1 else "<path of its result>"
        return f"{kind} has: {found}. " if names else "", {"path": path} if field == root else {}

    def _wrapped_row(self, name: str, outer: ObjectType, source: str) -> Finding:
        """Return the finding on a result that contains deploys in one of its fields, or none."""
        row, path = self.row, self._assumptions.template(name).paths["result"]
        inside = [key for key, field in outer.fields.items() if get_named_type(field.type) is row]
        description = RequestContext(name).description
        what = f"{name}, to {description}: its result is {outer.name}, which is not a deploy."
        if not inside or row is None:
            return Finding("SCHEMA-OPERATION", USES[name].status, what, f"{USES[name].without} {_CAUTION}")
        wrapped = f"{inside[0]} {{ {FIELDS_PLACEHOLDER} }}"
        setting = _json_of({name: {"document": "<GraphQL>", "path": f"{path}.{inside[0]}"}})
        remedy = (
            f"Probable result: its field {inside[0]}, a {row.name}. Copy {source}, replace "
            f"{FIELDS_PLACEHOLDER} by {wrapped}, and add it to the connection's extra: {setting}. {_CAUTION}"
        )
        return Finding("SCHEMA-OPERATION", USES[name].status, what, remedy)

    # The scopes

    def _compare_scopes(self) -> Iterator[Finding]:
        scope = self._type_of_scope()
        if not isinstance(scope, GraphQLEnumType):
            return
        free = [word for word in scope.values if word not in self._assumptions.scopes.values()]
        for ours, word in self._assumptions.scopes.items():
            if word in scope.values:
                continue
            similar = next(iter(_similar(word, free)), None)
            free = [item for item in free if item != similar]
            what = f"{scope.name} has no {word} ({ours}). It has: {', '.join(list(scope.values)[:_SHOWN])}."
            patch = {"scopes": {ours: similar or "<the word there>"}}
            why = f"Probable word: {similar}. {_CAUTION}" if similar else "No word there is similar."
            remedy = f"Add to the connection's extra: {_json_of(patch)}. {why}"
            yield Finding(
                "SCHEMA-SCOPES", Status.ERROR, what, remedy, self._setting(patch) if similar else None
            )

    def _type_of_scope(self) -> GraphQLNamedType | None:
        try:
            operation = get_operation_ast(parse(self._assumptions.template("roll_back").documents[0]))
        except (GraphQLError, RecursionError):
            return None
        for item in operation.variable_definitions or () if operation else ():
            if item.variable.name.value == "scope":
                return get_named_type(type_from_ast(self._schema, item.type))
        return None

    def _setting(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Return a setting merged into the connection's own."""
        return {"assumptions": merge(self._assumptions.given, patch)}


def _similar(name: str, options: Iterable[str]) -> list[str]:
    """Return similar names, the most similar first.

    The edit distance alone does not find ``tag`` for ``imageTag``. If it finds nothing, names that contain
    the other one count.
    """
    known = list(options)
    within = [
        item
        for item in known
        if min(len(item), len(name)) > 2 and (item.lower() in name.lower() or name.lower() in item.lower())
    ]
    return suggestion_list(name, known) or sorted(within, key=lambda item: abs(len(item) - len(name)))


def _has(kind: object, path: str) -> bool:
    """Whether a type has a scalar or enum at a path."""
    for name in path.split("."):
        field = kind.fields.get(name) if isinstance(kind, ObjectType) else None
        if field is None or not _can_be_read(field):
            return False
        kind = get_named_type(field.type)
    return is_leaf_type(kind)


def _paths(row: ObjectType) -> Iterator[str]:
    """Yield the paths to the scalars and enums of a type, at most one object deep."""
    for name, field in row.fields.items():
        kind = get_named_type(field.type)
        if _has(row, name):
            yield name
        elif isinstance(kind, ObjectType):
            yield from (f"{name}.{below}" for below in kind.fields if _has(row, f"{name}.{below}"))


def _can_be_read(field: GraphQLField) -> bool:
    """Whether a field is one value and none of its arguments is required."""
    one = not is_list_type(getattr(field.type, "of_type", None)) and not is_list_type(field.type)
    return one and not any(is_required_argument(argument) for argument in field.args.values())


def _signature(name: str, field: GraphQLField) -> str:
    inside = ", ".join(f"{key}: {argument.type}" for key, argument in field.args.items())
    return f"{name}({inside}): {field.type}" if inside else f"{name}: {field.type}"


def _choices(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"Possible names: {', '.join(found[:_SHOWN]) or 'none'}{more}."


def _json_of(patch: Mapping[str, Any]) -> str:
    return json.dumps({"assumptions": patch})
