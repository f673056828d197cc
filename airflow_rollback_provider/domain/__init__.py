# SPDX-License-Identifier: Apache-2.0
"""The rules of rolling back: pure values and functions, without Airflow, HTTP or a clock."""
