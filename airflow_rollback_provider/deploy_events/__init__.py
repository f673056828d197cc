# SPDX-License-Identifier: Apache-2.0
"""Which deploys are new: subscription, cursor, poll."""
