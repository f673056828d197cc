# SPDX-License-Identifier: Apache-2.0
"""Figures behind every claim about performance: ``make bench`` prints them."""
