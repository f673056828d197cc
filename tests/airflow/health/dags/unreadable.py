# SPDX-License-Identifier: Apache-2.0
"""The same Dags of Airflow after a deploy without one of the requirements."""

from __future__ import annotations

import a_module_that_nobody_installed  # type: ignore[import-not-found]

a_module_that_nobody_installed.make_the_dags_for_airflow()
