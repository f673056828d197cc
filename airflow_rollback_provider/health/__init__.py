# SPDX-License-Identifier: Apache-2.0
"""Checks whether a deploy broke a Deployment: rule, evidence, verdict."""
