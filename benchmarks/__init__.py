# SPDX-License-Identifier: Apache-2.0
"""The figures for every claim about performance: ``make bench`` prints them."""
