# SPDX-License-Identifier: Apache-2.0
"""Requests and answers: messages, two transports, retries, network errors."""
