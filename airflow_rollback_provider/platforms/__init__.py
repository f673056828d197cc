# SPDX-License-Identifier: Apache-2.0
"""The platforms: each turns method calls into requests, and answers into domain values.

They do no I/O; a transport sends the requests.
"""
