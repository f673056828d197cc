# SPDX-License-Identifier: Apache-2.0
"""The doctor of a connection."""
