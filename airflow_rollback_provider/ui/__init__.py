# SPDX-License-Identifier: Apache-2.0
"""The Deploy History page in Airflow.

``config`` reads the Deployments of the page, ``service`` builds its JSON responses, ``fastapi_app``
(Airflow 3) and ``flask_views`` (Airflow 2) serve them behind Airflow's own access control, and ``plugin``
registers the page.
"""
