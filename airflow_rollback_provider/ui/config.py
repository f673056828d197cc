# SPDX-License-Identifier: Apache-2.0
"""The connections, Deployments and rollback Dags that the page offers, from Airflow's configuration.

::

    [airflow_rollback]
    page_connections = {"astro_private_cloud_default": ["stellar-orbit-4821", "cosmic-dust-5931"]}

or, with all fields::

    page_connections = {
        "astro_private_cloud_default": {
            "deployments": {"stellar-orbit-4821": "Billing", "cosmic-dust-5931": "Orders"},
            "rollback_dag": "roll_back_by_hand"
        }
    }

``"*"`` instead of the Deployments offers all that the connection's token may read.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.platforms.connection_types import PRIVATE_CLOUD

SECTION, OPTION = "airflow_rollback", "page_connections"
DEFAULT_DAG = "example_manual_rollback"
ALL = "*"
"""The Deployment of an option that stands for all of its connection."""

_DEPLOYMENTS = ["stellar-orbit-4821"]
_EXAMPLE = json.dumps({PRIVATE_CLOUD.default_conn_id: _DEPLOYMENTS})
_FIELDS = ("deployments", "rollback_dag")


class InvalidOptions(BadInput):
    """Airflow's setting with the Deployments of the page cannot be read."""


@dataclass(frozen=True)
class DeploymentOption:
    """One Deployment that the page offers.

    :param connection: id of the Airflow connection to its platform.
    :param deployment: its id or release name, as the setting names it; :data:`ALL` for all of the connection.
    :param label: the name on the page.
    :param dag_id: the Dag that rolls it back.
    """

    connection: str
    deployment: str
    label: str
    dag_id: str


def read_options() -> tuple[DeploymentOption, ...]:
    """Read the Deployments of the page from Airflow's configuration.

    :raises InvalidOptions: if the setting cannot be read.
    """
    from airflow.configuration import conf

    return parse_options(conf.get(SECTION, OPTION, fallback=""))


def parse_options(text: str) -> tuple[DeploymentOption, ...]:
    """Parse the text of the setting. An empty one offers nothing.

    :raises InvalidOptions: if it is not as documented.
    """
    if not text.strip():
        return ()
    try:
        connections = json.loads(text)
    except ValueError as error:
        raise _invalid(f"it is not JSON ({error})") from None
    return tuple(_options(_mapping(connections, "the setting")))


def snippets(conn_ids: list[str]) -> list[dict[str, str]]:
    """Return the setting to copy: for Airflow's configuration file, and for the environment.

    :param conn_ids: the connections to name; without one, the default connection.
    """
    value = json.dumps(dict.fromkeys(conn_ids, _DEPLOYMENTS)) if conn_ids else _EXAMPLE
    return [
        {"title": "airflow.cfg", "text": f"[{SECTION}]\n{OPTION} = {value}"},
        {
            "title": "environment",
            "text": f"export AIRFLOW__{SECTION.upper()}__{OPTION.upper()}={shlex.quote(value)}",
        },
    ]


def _options(connections: Mapping[str, Any]) -> Iterator[DeploymentOption]:
    for connection, value in connections.items():
        fields = value if isinstance(value, Mapping) else {"deployments": value}
        unknown = sorted(set(fields) - set(_FIELDS))
        if unknown:
            known = " and ".join(_FIELDS)
            raise _invalid(f"{connection!r} has the unknown field {unknown[0]!r}; known are {known}")
        dag_id = _text(fields.get("rollback_dag", DEFAULT_DAG), f"rollback_dag of {connection!r}")
        for deployment, label in _labelled(fields.get("deployments"), connection):
            yield DeploymentOption(_text(connection, "a connection's name"), deployment, label, dag_id)


def _labelled(deployments: Any, connection: str) -> Iterator[tuple[str, str]]:
    where = f"the deployments of {connection!r}"
    if deployments == ALL:
        yield ALL, ALL
        return
    if isinstance(deployments, list):
        deployments = {_text(name, where): name for name in deployments}
    for name, label in _mapping(deployments, where).items():
        if name == ALL:
            raise _invalid(f'{where} must be named, or be "{ALL}" alone')
        yield _text(name, where), _text(label, where)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _invalid(f"{what} must be a JSON object" + (" or a list" if "deployments" in what else ""))
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(f"{what} must be a text that is not empty")
    return value.strip()


def _invalid(why: str) -> InvalidOptions:
    return InvalidOptions(
        f"Airflow's setting [{SECTION}] {OPTION}, which lists the Deployments of the Deploy History page, "
        f"cannot be read: {why}. Correct it. The shortest form is {_EXAMPLE}."
    )
