# SPDX-License-Identifier: Apache-2.0
"""Commands that need more than the package itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_rollback_provider.cli.exits import CommandUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn an import that fails for want of an extra into one line that says what to install.

    :raises CommandUnavailable: when a module of another project is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("airflow_rollback_provider"):
            raise
        raise CommandUnavailable(
            f"This command needs the extra {extra!r} (no module named {error.name!r}): "
            f"pip install 'airflow-rollback-provider[{extra}]'"
        ) from None
