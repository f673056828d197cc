# SPDX-License-Identifier: Apache-2.0
"""Submitting a rollback once and tracking it to its end."""
