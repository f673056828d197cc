# SPDX-License-Identifier: Apache-2.0
"""The doctor: checks of everything that a connection needs, in order. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from airflow_rollback_provider.doctor.network_checks import check_network
from airflow_rollback_provider.domain.doctor_checks import of_clock, of_error
from airflow_rollback_provider.domain.errors import InvalidConnection, RollbackError
from airflow_rollback_provider.domain.findings import Finding, Report, Status, complete, skip_from
from airflow_rollback_provider.http.transports import RequestsTransport

if TYPE_CHECKING:
    from airflow_rollback_provider.http.messages import Flow, Response
    from airflow_rollback_provider.platforms.registry import Connected

T = TypeVar("T")

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
    clock = ClockSkew()
    transport = RequestsTransport(replace(connected.policy, tries=_TRIES))
    try:
        found = transport.run(measure_skew(connected.platform.diagnose(deployment), clock))
    except RollbackError as error:
        return of_error("API", error), *skip_from("TOKEN", "the API could not be read.")
    finally:
        transport.close()
    skipped = any(finding.code == "CLOCK" for finding in found)
    return found if skipped else (*found, of_clock(clock.skew, tolerated))


@dataclass
class ClockSkew:
    """Clock skew: how far the local clock is ahead of the platform's.

    :param skew: the difference; None before an answer has the platform's time.
    """

    skew: timedelta | None = None

    def note(self, response: Response) -> None:
        """Take the difference from an answer, unless it is known."""
        moment = response.platform_time
        if moment is not None and self.skew is None:
            self.skew = response.received_at - moment


def measure_skew(flow: Flow[T], clock: ClockSkew) -> Flow[T]:
    """Run a flow and measure the clock skew from its answers."""
    try:
        request = next(flow)
        while True:
            try:
                response = yield request
            except RollbackError as error:
                request = flow.throw(error)
            else:
                clock.note(response)
                request = flow.send(response)
    except StopIteration as end:
        value: T = end.value
        return value
