# SPDX-License-Identifier: Apache-2.0
"""The schema of an installation: read, compared with what is asked, and what would mend a difference."""
