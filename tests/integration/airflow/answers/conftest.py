"""A PostgreSQL with Airflow's schema and a ledger, and gates in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servers import airflow_home

airflow_home.prepare()

from airflow import settings  # noqa: E402

from servers.airflow_database import GateRows, sqlalchemy_url  # noqa: E402
from servers.databases import fresh_database  # noqa: E402
from servers.include_folder import IncludeFolder  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def airflow_dsn(pg_server: str, airflow_template: str) -> Iterator[str]:
    """Give a database with Airflow's tables and the ledger's."""
    with fresh_database(pg_server, airflow_template) as dsn:
        yield dsn


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncludeFolder:
    """Give the checklists with a policy that settles as fast as it may."""
    folder = IncludeFolder(tmp_path / "include")
    folder.policy(settle="1s")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(folder.path))
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)
    return folder


@pytest.fixture
def rows(airflow_dsn: str, include: IncludeFolder, monkeypatch: pytest.MonkeyPatch) -> GateRows:
    """Give the database that Airflow's settings and the ledger's connection name in this test."""
    assert include
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", sqlalchemy_url(airflow_dsn))
    monkeypatch.setenv("AIRFLOW_CONN_LAUNCH_LEDGER", sqlalchemy_url(airflow_dsn, "postgresql"))
    return GateRows(airflow_dsn)
