# SPDX-License-Identifier: Apache-2.0
"""The tests mirror the package. Only folders whose fixtures end with the folder are packages."""
