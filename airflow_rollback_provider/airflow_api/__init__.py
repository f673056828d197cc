# SPDX-License-Identifier: Apache-2.0
"""The REST API of the Airflow in a Deployment: v2 on Airflow 3, v1 on Airflow 2.

Its methods return flows, as those of the platforms: no code here does I/O.
"""
