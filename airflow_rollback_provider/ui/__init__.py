# SPDX-License-Identifier: Apache-2.0
"""The Deploy History page in Airflow.

``config`` says what the page offers, ``service`` answers its questions, ``fastapi_app`` (Airflow 3) and
``flask_views`` (Airflow 2) put the answers behind Airflow's own access control, and ``plugin`` announces the
page.
"""
