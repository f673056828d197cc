# SPDX-License-Identifier: Apache-2.0
"""Did a deploy break a Deployment: rule, evidence, verdict."""
