# SPDX-License-Identifier: Apache-2.0
"""What the sandbox prints when it is ready: a line for machines, a page for people."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from airflow_rollback_provider.sandbox.client import connection
from airflow_rollback_provider.sandbox.tokens import TOKENS

if TYPE_CHECKING:
    from airflow_rollback_provider.sandbox.world import World


def ready_line(url: str) -> str:
    """Return the JSON line that says that the server answers."""
    return json.dumps({"url": url, "pid": os.getpid()})


def welcome(url: str, world: World) -> str:
    """Return what a person needs to begin."""
    hosted = connection(url, platform="astro")
    return "\n".join([
        ready_line(url),
        "",
        f"The embedded platform answers at {url} (GraphQL: POST {url}/v1). Stop it with Ctrl-C.",
        "",
        "An Airflow connection to it as Astro Private Cloud:",
        f"  export AIRFLOW_CONN_SANDBOX='{json.dumps(connection(url))}'",
        "",
        "The same Deployments as hosted Astro:",
        f"  export AIRFLOW_CONN_SANDBOX_ASTRO='{json.dumps(hosted)}'",
        "",
        "Tokens:",
        *(f"  {token.value:<32} {token.author.full_name}" for token in TOKENS.values()),
        "",
        "Deployments:",
        *(f"  {item.id}  {item.release_name:<22} {item.label}" for item in world.deployments.values()),
    ])
