# SPDX-License-Identifier: Apache-2.0
"""The rules of a rollback: pure values and functions, without Airflow, HTTP or a clock."""
