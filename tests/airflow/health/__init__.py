# SPDX-License-Identifier: Apache-2.0
"""A whole Airflow that is judged; it ends with this folder."""
