# SPDX-License-Identifier: Apache-2.0
"""The doctor: everything that must hold for a connection, checked in order.

Nothing that it does changes anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_rollback_provider.doctor.network_checks import check_network
from airflow_rollback_provider.domain.doctor_checks import of_clock, of_error
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError
from airflow_rollback_provider.domain.findings import Finding, Report, Status, complete, skip_from
from airflow_rollback_provider.http.transports import RequestsTransport
from airflow_rollback_provider.platforms.clock_skew import ClockSkew, measure_skew

if TYPE_CHECKING:
    from airflow_rollback_provider.platforms.registry import Connected

_TRIES = 2
"""How often a question is asked: a person waits for the answer."""


def diagnose(connected: Connected, conn_id: str, deployment: str | None, tolerated: timedelta) -> Report:
    """Look at everything that must hold for a connection, the network first.

    :param conn_id: the connection's id, for the report.
    :param deployment: a Deployment to look at as well, as people name it; None looks at none.
    :param tolerated: how far this machine's clock may be off.
    """
    platform = connected.platform
    name, address = platform.capabilities.name, platform.address
    usable = Finding("CONNECTION", Status.OK, f"The connection {conn_id!r} leads to {name} at {address}.")
    way = check_network(address, connected.policy)
    broken = next((finding for finding in way if finding.status is Status.ERROR), None)
    if broken is not None:
        there = skip_from("API", f"{broken.code} failed.")
    else:
        there = _diagnose(connected, deployment, tolerated)
    return Report(conn_id, name, address, deployment, complete([usable, *way, *there], name))


def unusable(error: InvalidConnection, conn_id: str, deployment: str | None) -> Report:
    """Return the report on a connection whose fields cannot be used."""
    findings = of_error("CONNECTION", error), *skip_from("DNS", "the connection cannot be used.")
    return Report(conn_id, "", "", deployment, findings)


def _diagnose(connected: Connected, deployment: str | None, tolerated: timedelta) -> tuple[Finding, ...]:
    """Run the platform's own checks, and compare the clocks by its answers."""
    clock = ClockSkew()
    transport = RequestsTransport(replace(connected.policy, tries=_TRIES))
    try:
        found = transport.run(measure_skew(connected.platform.diagnose(deployment), clock))
    except RollbackError as error:
        return of_error("API", error), *skip_from("TOKEN", "the platform could not be asked.")
    finally:
        transport.close()
    asked = any(finding.code == "CLOCK" for finding in found)
    return found if asked else (*found, of_clock(clock.skew, tolerated))
