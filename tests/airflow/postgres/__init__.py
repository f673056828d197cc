# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow with PostgreSQL; it ends with this folder."""
