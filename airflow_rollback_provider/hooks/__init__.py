# SPDX-License-Identifier: Apache-2.0
"""Hooks: an Airflow connection becomes a client of a platform."""
