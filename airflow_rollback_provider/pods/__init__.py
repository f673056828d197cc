# SPDX-License-Identifier: Apache-2.0
"""Do the pods of a release run the image."""
