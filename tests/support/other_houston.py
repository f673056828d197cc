# SPDX-License-Identifier: Apache-2.0
"""Installations with another schema, which translate requests and answers of the embedded platform.

The embedded platform itself can rename single fields. Here arguments, types and results differ too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

from airflow_rollback_provider.sandbox.process import SandboxProcess
from airflow_rollback_provider.sandbox.tokens import BY_VALUE
from tests.support.servers import reply, serving

Query = Callable[..., dict[str, Any]]
Resolver = Callable[..., Any]

_DEPLOYMENT = """
  id label releaseName runtimeVersion runtimeAirflowVersion clusterId workspace { id } dagDeployment { type }
  deployInfo { current } deployRollbackEnabled
"""
_ROW = """
  id deploymentUuid createdAt updatedAt status type imageRepository imageTag runtimeVersion airflowVersion
  dagBundleVersion dagDeploymentType gitCommit description createdBy { username } rollbackFromId scope
  statusReason
"""

_COMMON = """
scalar JSON
type AppConfig { version: String, baseDomain: String, featureFlags: JSON }
type Self { username: String, permissions(deploymentUuid: ID): [String!]! }
type Workspace { id: ID }
type DeployInfo { current: String }
type DagDeployment { type: String }
"""

# Arguments with other names and types, rows inside a page, other names of a row's fields, a mutation that
# takes one object and returns another, other words for the scope.
WRAPPED = (
    _COMMON
    + """
type Query {
  appConfig: AppConfig!
  self: Self
  deployment(where: DeploymentFilter!): Deployment
  deployRevisions(deploymentId: ID!, first: Int! = 20, after: ID, newestFirst: Boolean = true): DeployPage!
  deployRevision(revisionId: ID!, deploymentId: ID!): DeployResult
  logs(deploymentId: ID!, component: String, since: String, timestamp: String): [LogLine!]!
}
input DeploymentFilter { deploymentId: ID!, label: String }
type Deployment {
  id: ID!, label: String, releaseName: String, runtimeVersion: String, runtimeAirflowVersion: String
  workspace: Workspace, dagDeploy: DagDeployment, deployInfo: DeployInfo, rollbackEnabled: Boolean
}
type DeployPage { total: Int!, revisions: [Revision!]! }
type DeployResult { revision: Revision }
type Revision {
  id: ID!, deploymentId: ID!, deployedAt: String!, state: String, type: String, image: Image, runtime: String
  airflowVersion: String, dagBundle: String, dagDeploymentType: String, git: Git, reason: String
  author: Person, rollbackFrom: ID, scope: String, stateReason: String, pinned: Boolean
  deployment: Deployment, labels: [String!]
}
type Image { tag: String, repository: String }
type Git { commit: String }
type Person { id: ID, name: String }
type LogLine { id: ID, timestamp: String, message: String }
type Mutation {
  deleteDeployment(deploymentId: ID!): Deployment
  rollbackDeploy(input: RollbackInput!): RollbackPayload!
}
input RollbackInput {
  deploymentId: ID!, revisionId: ID!, parts: Parts!, reason: String!, force: Boolean! = false
}
type RollbackPayload { warnings: [String!]!, revision: Revision! }
enum Parts { IMAGE_ONLY DAGS_ONLY IMAGE_AND_DAGS }
"""
)


def _revision(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "deploymentId": row["deploymentUuid"],
        "deployedAt": row["createdAt"],
        "state": row["status"],
        "type": row["type"],
        "image": {"tag": row["imageTag"], "repository": row["imageRepository"]},
        "runtime": row["runtimeVersion"],
        "airflowVersion": row["airflowVersion"],
        "dagBundle": row["dagBundleVersion"],
        "dagDeploymentType": row["dagDeploymentType"],
        "git": {"commit": row["gitCommit"]},
        "reason": row["description"],
        "author": {"name": (row["createdBy"] or {}).get("username")},
        "rollbackFrom": row["rollbackFromId"],
        "scope": row["scope"],
        "stateReason": row["statusReason"],
    }


def _rows(
    query: Query,
    _: object,
    *,
    deploymentId: str,  # noqa: N803 - as the schema has it
    first: int,
    after: str | None = None,
    **__: Any,
) -> Any:
    text = (
        "query Deploys($d: Uuid!, $take: Int, $after: Uuid) "
        f"{{ found: paginatedDeployRevisions(deploymentUuid: $d, take: $take, cursor: $after) {{ {_ROW} }} }}"
    )
    found = query(text, d=deploymentId, take=first, after=after)["found"]
    return {"total": len(found), "revisions": [_revision(row) for row in found]}


def _row(query: Query, _: object, *, deploymentId: str, revisionId: str) -> Any:  # noqa: N803 - as the schema has it
    text = (
        "query Deploy($d: Uuid!, $r: Uuid!) "
        f"{{ found: deployRevision(deploymentUuid: $d, id: $r) {{ {_ROW} }} }}"
    )
    return {"revision": _revision(query(text, d=deploymentId, r=revisionId)["found"])}


def _roll_back(query: Query, _: object, *, input: Mapping[str, Any]) -> Any:  # noqa: A002 - as the schema has it
    words = {"IMAGE_ONLY": "IMAGE", "DAGS_ONLY": "DAGS"}
    text = (
        "mutation RollBack($d: Uuid!, $r: Uuid!, $s: RollbackScope!, $why: String!) "
        "{ found: rollbackDeployment("
        f"deploymentUuid: $d, deployRevisionUuid: $r, scope: $s, description: $why) {{ {_ROW} }} }}"
    )
    row = query(
        text,
        d=input["deploymentId"],
        r=input["revisionId"],
        s=words.get(input["parts"], input["parts"]),
        why=input["reason"],
    )["found"]
    return {"warnings": [], "revision": _revision(row)}


def _deployment(query: Query, _: object, *, where: Mapping[str, Any]) -> Any:
    text = f"query Deployment($id: String!) {{ found: deployment(where: {{id: $id}}) {{ {_DEPLOYMENT} }} }}"
    found = query(text, id=where["deploymentId"])["found"]
    return {
        **found,
        "dagDeploy": found["dagDeployment"],
        "rollbackEnabled": found["deployRollbackEnabled"],
    }


def _own_permissions(query: Query, _: object, *, deploymentUuid: str | None = None) -> Any:  # noqa: N803 - as above
    text = "query Permissions($d: Uuid) { self { permissions(deploymentUuid: $d) } }"
    return query(text, d=deploymentUuid)["self"]["permissions"]


RESOLVERS: dict[str, Resolver] = {
    "Query.appConfig": lambda query, _: query("{ appConfig { version baseDomain featureFlags } }")[
        "appConfig"
    ],
    "Query.self": lambda query, _: query("{ self { username } }")["self"],
    "Self.permissions": _own_permissions,
    "Query.deployment": _deployment,
    "Query.deployRevisions": _rows,
    "Query.deployRevision": _row,
    "Mutation.rollbackDeploy": _roll_back,
}


@contextmanager
def other_houston(sandbox: SandboxProcess, sdl: str = WRAPPED) -> Iterator[str]:
    """Run an installation with another schema; yield its address."""
    schema = build_schema(sdl)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(handler.body)  # type: ignore[attr-defined]
        token = BY_VALUE[str(handler.headers["authorization"]).removeprefix("Bearer ")].name

        def query(text: str, **variables: Any) -> dict[str, Any]:
            body = sandbox.graphql(text, variables, token)
            if body.get("errors"):
                raise GraphQLError(body["errors"][0]["message"])
            return dict(body["data"])

        result = graphql_sync(
            schema,
            request["query"],
            context_value=query,
            variable_values=request.get("variables"),
            field_resolver=_resolve,
        )
        reply(200, json.dumps(result.formatted).encode())(handler)

    with serving(respond) as (url, _):
        yield url


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    resolver = RESOLVERS.get(f"{info.parent_type.name}.{info.field_name}")
    if resolver is not None:
        return resolver(info.context, source, **arguments)
    return (source or {}).get(info.field_name)
