# SPDX-License-Identifier: Apache-2.0
"""The Deploy History page."""
