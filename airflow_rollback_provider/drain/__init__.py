# SPDX-License-Identifier: Apache-2.0
"""Bringing a Deployment to rest before a rollback, and letting it run again."""
