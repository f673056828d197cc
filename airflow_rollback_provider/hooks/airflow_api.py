# SPDX-License-Identifier: Apache-2.0
"""The hook for the REST API of the Airflow in a Deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_rollback_provider.airflow_api.settings import CONN_TYPE, ApiConnection, read_connection
from airflow_rollback_provider.domain.errors import RollbackError
from airflow_rollback_provider.hooks import form
from airflow_rollback_provider.hooks.http_hook import HttpHook

if TYPE_CHECKING:
    from airflow_rollback_provider.airflow_api.client import AirflowApi
    from airflow_rollback_provider.http.connection_fields import ConnectionLike


class AirflowApiHook(HttpHook[ApiConnection]):
    """Calls the REST API of the Airflow in a Deployment, Airflow 2 or 3.

    In an event loop, use it as ``async with AirflowApiHook(conn_id) as hook``, and ``async_run`` in the place
    of ``run``.

    :param airflow_conn_id: Airflow connection with the address of that Airflow as host, and login and
        password, or a token as password without a login. The connection may have any type.
    :param connection: the connection itself, if it does not come from Airflow.
    :raises InvalidConnection: on first use, for a missing or invalid field.
    """

    conn_name_attr = "airflow_conn_id"
    default_conn_name = "airflow_api_default"
    conn_type = CONN_TYPE
    hook_name = "Airflow REST API"

    def __init__(
        self,
        airflow_conn_id: str = default_conn_name,
        *,
        connection: ConnectionLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(connection, **kwargs)
        self.airflow_conn_id = airflow_conn_id

    def read_connection(self, connection: ConnectionLike) -> ApiConnection:
        return read_connection(connection)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the hidden and renamed fields of the form."""
        return form.airflow_api_behaviour()

    @property
    def api(self) -> AirflowApi:
        """The client of that Airflow. In an event loop only after ``async with``."""
        return self._connect().api

    def get_conn(self) -> AirflowApi:
        return self.api

    def test_connection(self) -> tuple[bool, str]:
        """Check the connection, for the button *Test* of its form; return the result as a sentence."""
        try:
            return True, self.run(self.api.check())
        except RollbackError as error:
            return False, str(error)
