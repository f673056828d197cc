# SPDX-License-Identifier: Apache-2.0
"""The demo and its throw-away Airflow; no part of the wheel. The tests start the same Airflow."""
