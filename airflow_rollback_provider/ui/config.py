# SPDX-License-Identifier: Apache-2.0
"""What the page offers, from Airflow's configuration: which connections and Deployments, and which Dag.

::

    [airflow_rollback]
    page_connections = {"astro_private_cloud_default": ["stellar-orbit-4821", "cosmic-dust-5931"]}

or, with everything said::

    page_connections = {
        "astro_private_cloud_default": {
            "deployments": {"stellar-orbit-4821": "Billing", "cosmic-dust-5931": "Orders"},
            "rollback_dag": "roll_back_by_hand"
        }
    }
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_rollback_provider.domain.errors import BadInput

SECTION, OPTION = "airflow_rollback", "page_connections"
DEFAULT_DAG = "example_manual_rollback"
_EXAMPLE = '{"astro_private_cloud_default": ["stellar-orbit-4821"]}'
_FIELDS = ("deployments", "rollback_dag")


class InvalidOffer(BadInput):
    """Airflow's setting of what the page offers cannot be read."""


@dataclass(frozen=True)
class DeploymentOption:
    """One Deployment that the page offers.

    :param connection: Airflow connection that leads to its platform.
    :param deployment: its id or release name, as the setting names it.
    :param label: what people read.
    :param dag_id: the Dag that rolls it back.
    """

    connection: str
    deployment: str
    label: str
    dag_id: str


def read_options() -> tuple[DeploymentOption, ...]:
    """Read what the page offers from Airflow's configuration.

    :raises InvalidOffer: when the setting cannot be read.
    """
    from airflow.configuration import conf

    return parse_options(conf.get(SECTION, OPTION, fallback=""))


def parse_options(text: str) -> tuple[DeploymentOption, ...]:
    """Read the setting's text; an empty one offers nothing.

    :raises InvalidOffer: when it is not what the documentation says.
    """
    if not text.strip():
        return ()
    try:
        offered = json.loads(text)
    except ValueError as error:
        raise _invalid(f"it is not JSON ({error})") from None
    return tuple(_options(_mapping(offered, "the setting")))


def _options(offered: Mapping[str, Any]) -> Iterator[DeploymentOption]:
    for connection, told in offered.items():
        fields = told if isinstance(told, Mapping) else {"deployments": told}
        unknown = sorted(set(fields) - set(_FIELDS))
        if unknown:
            known = " and ".join(_FIELDS)
            raise _invalid(f"{connection!r} has the unknown field {unknown[0]!r}; known are {known}")
        dag_id = _text(fields.get("rollback_dag", DEFAULT_DAG), f"rollback_dag of {connection!r}")
        for deployment, label in _labelled(fields.get("deployments"), connection):
            yield DeploymentOption(_text(connection, "a connection's name"), deployment, label, dag_id)


def _labelled(deployments: Any, connection: str) -> Iterator[tuple[str, str]]:
    where = f"the deployments of {connection!r}"
    if isinstance(deployments, list):
        deployments = {_text(name, where): name for name in deployments}
    for name, label in _mapping(deployments, where).items():
        yield _text(name, where), _text(label, where)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _invalid(f"{what} must be a JSON object" + (" or a list" if "deployments" in what else ""))
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(f"{what} must be a text that is not empty")
    return value.strip()


def _invalid(why: str) -> InvalidOffer:
    return InvalidOffer(
        f"Airflow's setting [{SECTION}] {OPTION}, which says what the Deploy History page offers, cannot be "
        f"read: {why}. Correct it; the shortest form is {_EXAMPLE}."
    )
