"""A ledger, an include folder and Airflow's channel for every test of this room."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers import airflow_home

airflow_home.prepare()

from airflow.sdk.execution_time import task_runner  # noqa: E402

from launch_pipeline.orchestration import observe  # noqa: E402
from launch_pipeline.record.ledger import Ledger  # noqa: E402
from launch_pipeline.record.migrate import migrate  # noqa: E402
from servers.airflow_task import Supervisor  # noqa: E402
from servers.databases import fresh_database  # noqa: E402
from servers.include_folder import IncludeFolder  # noqa: E402
from servers.postgres import serving  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """Give the address of a running PostgreSQL.

    As root the wheel runs the server as a user of its own, who may not enter pytest's folders.
    """
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with serving(Path(folder) / "data") as address:
            yield address


@pytest.fixture
def dsn(pg_server: str) -> Iterator[str]:
    """Give the address of a migrated ledger."""
    with fresh_database(pg_server) as address:
        migrate(address)
        yield address


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncludeFolder:
    """Give a folder of checklists, policy, environments and contacts of the test's own."""
    folder = IncludeFolder(tmp_path / "include")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(folder.path))
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)
    return folder


@pytest.fixture
def supervisor(include: IncludeFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """Give Airflow's side of the channel, without any connection."""
    del include
    made = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    monkeypatch.setattr(observe, "_launch_times", {})
    yield made
    assert not made.mistakes


@pytest.fixture
def ledger(supervisor: Supervisor, dsn: str) -> Ledger:
    """Give the ledger that the tasks reach by the connection ``launch_ledger``."""
    supervisor.postgres(dsn)
    return Ledger(dsn)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a real PostgreSQL."""
    for item in items:
        if "dsn" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)
