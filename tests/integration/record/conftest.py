"""A PostgreSQL for the session, a migrated database for each test."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.record.migrate import migrate
from servers.databases import fresh_database
from servers.postgres import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Give the address of a running PostgreSQL.

    As root the wheel runs the server as a user of its own, who may not enter pytest's folders.
    """
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with serving(Path(folder) / "data") as address:
            yield address


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """Give the address of a database without tables."""
    with fresh_database(server) as address:
        yield address


@pytest.fixture
def dsn(empty: str) -> str:
    """Give the address of a migrated database."""
    migrate(empty)
    return empty
