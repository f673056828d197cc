# SPDX-License-Identifier: Apache-2.0
"""A plan in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from airflow_rollback_provider.domain.idempotency import describe, make_idempotency_key
from airflow_rollback_provider.domain.summary import describe_deploy, explain
from tests.support.builders import ASTRO, BAD, FULL_ACCESS, NOW, deploy, plan

ALLOWED = """\
Rollback plan for Deployment 'orders' (dep) on Astro Private Cloud
  from    d2, 2026-11-22 12:00 UTC by Zoë, Runtime 3.1-12 (Airflow 3.1)
  to      d1, 2026-10-14 12:00 UTC, Runtime 13.2.0 (Airflow 2.11), “Quarter end”
          requested: previous
  scope   image and Dags
  verdict allowed
          versions: AIRFLOW-3-TO-2: Rollbacks from Airflow 3 to Runtime 12 and 13 are supported from \
Runtime 3.1-2 on: Runtime 3.1-12 (Airflow 3.1) → Runtime 13.2.0 (Airflow 2.11).
Warnings:
  - (!) Dags written for Airflow 3 do not run on Airflow 2: roll the Dags back too.
  - (!) Data of features that the target Runtime lacks is erased from the metadata database and cannot be \
recovered.
  - (!) All running tasks fail at once; tasks with retries left are retried after the rollback.
  - A rollback from Airflow 3 to Airflow 2 takes longer: the schema of the metadata database is migrated.
  - The Airflow 3 API server is replaced during the rollback; workers may miss heartbeats meanwhile.
Changes:
  - image: tag-d2 → tag-d1
  - Runtime: 3.1-12 (Airflow 3.1) → 13.2.0 (Airflow 2.11)
  - Dags: bundle bundle-d2, commit 0123456789 → bundle bundle-d1
Rolled back:
  - the image with the Astro Runtime version and the project's code
  - the Dags
  - the Deployment's Dag deploy setting
Not rolled back:
  - resources (executor, scheduler, workers and their sizes)
  - environment variables
  - other settings of the Deployment (name, description)
Permissions:
  - deployment.images.push
  - deployment.dags.push
To undo: A rollback cannot undo this one (AIRFLOW-2-TO-3). To return, deploy the current version again. \
Erased data does not come back.
To keep it: The next deploy from CI brings image tag tag-d2 and Dag bundle bundle-d2 back unless that \
release is fixed, reverted or stopped there first.
"""
REFUSED = """\
Rollback plan for Deployment 'orders' (dep) on Astro Private Cloud
  from    d2, 2026-11-22 12:00 UTC, Runtime 13.2.0 (Airflow 2.11)
  to      d1, 2026-08-15 12:00 UTC, Runtime 4.2.9 (Airflow 2.2)
          requested: id:d1
  scope   image and Dags
  verdict REFUSED
Failed checks:
  - AIRFLOW-2-TOO-OLD: Within Airflow 2 both sides must be Runtime 5.0.0 (Airflow 2.3.0) or later: Runtime \
13.2.0 (Airflow 2.11) → Runtime 4.2.9 (Airflow 2.2). Choose a deploy of a supported version. Rule from: \
Astronomer documentation, "Roll back an image deploy on Astro Private Cloud", text.
  - TARGET-NOT-SUCCEEDED: Deploy d1 has not succeeded, or that is not known (status: failed). Choose a \
deploy that succeeded.
  - TARGET-EXPIRED: Deploy d1 was created on 2026-08-15, more than 90 days ago. Choose a later deploy, or \
deploy that version again.
  - ROLLBACK-OFF-ON-DEPLOYMENT: Rollbacks are switched off on Deployment 'orders' (dep). Switch on the \
toggle Rollback Deploy in the Deployment's settings.
Changes:
  - image: tag-d2 → tag-d1
  - Runtime: 13.2.0 (Airflow 2.11) → 4.2.9 (Airflow 2.2)
  - Dags: bundle bundle-d2 → bundle bundle-d1
Rolled back:
  - the image with the Astro Runtime version and the project's code
  - the Dags
  - the Deployment's Dag deploy setting
Not rolled back:
  - resources (executor, scheduler, workers and their sizes)
  - environment variables
  - other settings of the Deployment (name, description)
Permissions:
  - deployment.images.push
  - deployment.dags.push
"""


def test_an_allowed_plan_reads_well() -> None:
    """Airflow 3 to 2: the losses stand before the details."""
    current = deploy("d2", 1, runtime_version="3.1-12", created_by="Zoë", git_commit="0123456789ab")
    target = deploy("d1", 40, description="Quarter end")
    assert explain(plan(target, current)) == ALLOWED.rstrip("\n")


def test_a_refused_plan_reads_well() -> None:
    """Every reason once, with its remedy, and no line about allowed versions."""
    target = deploy("d1", 100, status=BAD, runtime_version="4.2.9")
    access = replace(FULL_ACCESS, enabled_on_deployment=False)
    made = plan(target, deploy("d2", 1), target="d1", access=access)
    assert explain(made) == REFUSED.rstrip("\n")


def test_refused_for_another_reason_than_its_versions() -> None:
    """The rule that allows the versions is not given as the reason of the refusal."""
    text = explain(plan(deploy("d1", status=BAD), deploy("d2"), target="d1"))
    assert "verdict REFUSED\n          versions: AIRFLOW-2-TO-2:" in text
    assert text.count("AIRFLOW-2-TO-2") == 1


def test_what_the_platform_does_not_offer_is_told() -> None:
    """Before the rollback, in words, under the platform's name."""
    text = explain(plan(deploy("d1"), deploy("d2"), capabilities=ASTRO))
    assert "Permissions:\n  - deployment.deploys.update\nLimits of Astro:\n" in text
    assert "\n  - A rollback cannot be limited to the image or the Dags.\n" in text
    assert "Limits" not in explain(plan(deploy("d1"), deploy("d2")))


def test_a_deploy_in_one_line() -> None:
    """The time is in UTC, without the tag and without line breaks."""
    tokyo = datetime(2026, 11, 23, 3, 30, tzinfo=timezone(timedelta(hours=9)))
    text = describe("Bad\nrelease", make_idempotency_key("x"), 500)
    row = deploy("d1", created_at=tokyo, description=text, created_by="Zoë")
    assert describe_deploy(row) == (
        "d1, 2026-11-22 18:30 UTC by Zoë, Runtime 13.2.0 (Airflow 2.11), “Bad release”"
    )
    bare = deploy("d1", created_at=NOW, runtime_version=None)
    assert describe_deploy(bare) == "d1, 2026-11-23 12:00 UTC, an unknown version"
