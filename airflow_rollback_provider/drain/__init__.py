# SPDX-License-Identifier: Apache-2.0
"""Drains a Deployment before a rollback and resumes its Dags afterwards."""
