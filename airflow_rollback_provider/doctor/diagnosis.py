# SPDX-License-Identifier: Apache-2.0
"""The doctor: checks of everything that a connection needs, in order. It changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.doctor.network_checks import check_network
from airflow_rollback_provider.domain.doctor_checks import of_clock, of_error
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError
from airflow_rollback_provider.domain.findings import Finding, Report, Status, complete, skip_from
from airflow_rollback_provider.http.flow import run_flow
from airflow_rollback_provider.http.transports import RequestsTransport

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Request, Response
    from airflow_rollback_provider.platforms.registry import Connected

_TRIES = 2
"""Tries of each request: a user waits for the report."""


def diagnose(connected: Connected, conn_id: str, deployment: str | None, tolerated: timedelta) -> Report:
    """Check a connection, the network first.

    :param conn_id: the connection's id, for the report.
    :param deployment: id or name of a Deployment to check as well; None checks none.
    :param tolerated: tolerated clock skew of this machine.
    """
    platform = connected.platform
    name, address = platform.capabilities.name, platform.address
    usable = Finding("CONNECTION", Status.OK, f"The connection {conn_id!r} leads to {name} at {address}.")
    network = check_network(address, connected.policy)
    failed = next((finding for finding in network if finding.status is Status.ERROR), None)
    if failed is not None:
        rest = skip_from("API", f"{failed.code} failed.")
    else:
        rest = _diagnose(connected, deployment, tolerated)
    return Report(conn_id, name, address, deployment, complete([usable, *network, *rest], name))


def unusable(error: InvalidConnection, conn_id: str, deployment: str | None) -> Report:
    """Return the report on a connection with an invalid field."""
    findings = of_error("CONNECTION", error), *skip_from("DNS", "the connection cannot be used.")
    return Report(conn_id, "", "", deployment, findings)


def _diagnose(connected: Connected, deployment: str | None, tolerated: timedelta) -> tuple[Finding, ...]:
    """Run the platform's own checks, and measure the clock skew from its answers."""
    transport = RequestsTransport(replace(connected.policy, tries=_TRIES))
    skews: list[timedelta] = []

    def send(request: Request) -> Response:
        response = transport.send(request)
        if response.clock_skew is not None:
            skews.append(response.clock_skew)
        return response

    try:
        found = run_flow(connected.platform.diagnose(deployment), send)
    except RollbackError as error:
        return of_error("API", error), *skip_from("TOKEN", "the API could not be read.")
    finally:
        transport.close()
    skipped = any(finding.code == "CLOCK" for finding in found)
    return found if skipped else (*found, of_clock(skews[0] if skews else None, tolerated))
