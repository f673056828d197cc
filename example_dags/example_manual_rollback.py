# SPDX-License-Identifier: Apache-2.0
"""Roll a Deployment back by hand: trigger this Dag and fill in the form, or use the page *Deploy History*.

Run it from another Deployment than the one that is rolled back: a rollback replaces the Airflow of its
Deployment.
"""

from __future__ import annotations

from airflow_rollback_provider.dags import rollback_dag

dag = rollback_dag(dag_id="example_manual_rollback")
