# SPDX-License-Identifier: Apache-2.0
"""Astro Private Cloud."""
