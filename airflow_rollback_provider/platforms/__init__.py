# SPDX-License-Identifier: Apache-2.0
"""Platforms turn verbs into requests and answers into domain values. They do no I/O: a transport does."""
