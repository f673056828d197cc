# SPDX-License-Identifier: Apache-2.0
"""Whether a Dag file can be read by Airflow 3 alone, as far as its imports tell."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Modules that no Airflow 2 has. Providers are left out: they may be installed on either.
_ONLY_IN_AIRFLOW_3 = (
    "airflow.sdk",
    "airflow.assets",
    "airflow.api_fastapi",
    "airflow.dag_processing.bundles",
)
# What does not run when the file is read, or only if something holds.
_NOT_FOR_SURE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.Try)


def needs_airflow_3(source: str) -> str | None:
    """Return a module that the file imports for sure and that Airflow 2 lacks; None if there is none.

    An import that something is done about when it fails, one behind a condition, and one inside a function do
    not keep Airflow 2 from reading the file. Nor is a file that cannot be parsed known to.

    :param source: the file's text.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return next((name for name in _imports(tree) if _is_new(name)), None)


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not isinstance(child, _NOT_FOR_SURE):
            yield from _imports(child)


def _is_new(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in _ONLY_IN_AIRFLOW_3)
