# SPDX-License-Identifier: Apache-2.0
"""Whole Airflows of real processes."""
