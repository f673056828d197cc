# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow for health checks; it ends with this folder."""
