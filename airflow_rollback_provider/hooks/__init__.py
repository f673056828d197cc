# SPDX-License-Identifier: Apache-2.0
"""Hooks: an Airflow connection becomes a platform that can be asked."""
