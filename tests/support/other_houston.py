# SPDX-License-Identifier: Apache-2.0
"""An installation with another schema.

The embedded platform itself can rename single fields. Here arguments, types and results differ too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from graphql import build_schema, graphql_sync

from tests.support.servers import reply, serving

# Arguments with other names and types, rows inside a page, other names of a row's fields, a mutation that
# takes one object and returns another, other words for the scope.
WRAPPED = """
scalar JSON
type AppConfig { version: String, baseDomain: String, featureFlags: JSON }
type Self { username: String, permissions(deploymentUuid: ID): [String!]! }
type Workspace { id: ID }
type DeployInfo { current: String }
type DagDeployment { type: String }
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

_VALUES = {
    "appConfig": {"version": "2.0.0", "featureFlags": {}},
    "self": {"username": "me", "permissions": []},
}


@contextmanager
def other_houston() -> Iterator[str]:
    """Run an installation with another schema, and without Deployments; yield its address."""
    schema = build_schema(WRAPPED)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(handler.body)  # type: ignore[attr-defined]
        result = graphql_sync(
            schema,
            request["query"],
            _VALUES,
            variable_values=request.get("variables"),
            operation_name=request.get("operationName"),
        )
        reply(200, json.dumps(result.formatted).encode())(handler)

    with serving(respond) as (url, _):
        yield url
