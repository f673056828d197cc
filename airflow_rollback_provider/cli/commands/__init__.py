# SPDX-License-Identifier: Apache-2.0
"""The commands. Each module has ``add_arguments(parser)`` and ``run(args, console)``."""
