# SPDX-License-Identifier: Apache-2.0
"""The REST API of the Airflow that runs in a Deployment: v2 on Airflow 3, v1 on Airflow 2.

Spoken to in flows, as platforms are: nothing here does I/O.
"""
