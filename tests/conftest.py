"""What all tests share: a PostgreSQL with databases of one's own, and which tests run side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.ledger.migrate import migrate
from servers.databases import fresh_database
from servers.postgres import throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator

TOGETHER = (
    ("integration/rehearsal",),
    ("integration/production",),
    ("e2e/test_browser.py", "e2e/test_forgery.py", "e2e/test_killed_api_server.py", "e2e/test_phase.py"),
    ("e2e/test_upgrade.py",),
    ("integration/airflow/api_server", "integration/ledger/test_protection_cleaning.py"),
    ("e2e/test_slack_browser.py", "e2e/test_unbreakable.py"),
    ("docs",),
    ("integration/airflow/answers",),
    ("integration/stack",),
    ("integration/checks/infrastructure",),
    ("integration/checks/monitoring",),
)
"""Folders and files whose tests share what takes long to start, so one worker has them; the longest first."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give ``pytest -n`` what stays together, to whoever is free, in the order of the collection.

    xdist's own ``--dist=loadgroup`` renames tests in a way that pytest 9.2 does not see.
    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where workers are asked for

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False
    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a real PostgreSQL; let workers begin with what takes longest."""
    for item in items:
        if "pg_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _group(nodeid: str) -> str:
    """Return the group of :data:`TOGETHER` that a test is in, else its file."""
    file = nodeid.partition("::")[0].rpartition("tests/")[2]
    found = (group[0] for group in TOGETHER if f"{file}/".startswith(tuple(f"{name}/" for name in group)))
    return next(found, file)


def _turn(item: pytest.Item) -> int:
    """Rank a test: groups in their order, what starts servers, then the rest (short ones fill the end)."""
    group = _group(item.nodeid)
    firsts = [names[0] for names in TOGETHER]
    if group in firsts:
        return firsts.index(group)
    return len(firsts) + (not group.startswith("integration/"))


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """Give the address of a running PostgreSQL."""
    with throwaway() as address:
        yield address


@pytest.fixture
def empty(pg_server: str) -> Iterator[str]:
    """Give the address of a database without tables."""
    with fresh_database(pg_server) as address:
        yield address


@pytest.fixture
def dsn(empty: str) -> str:
    """Give the address of a ledger without entries."""
    migrate(empty)
    return empty


@pytest.fixture(scope="session")
def airflow_template(pg_server: str) -> Iterator[str]:
    """Give the name of a database with Airflow's tables and the ledger's, to make copies of.

    Made once, since Airflow's tables take a while.
    """
    from servers.airflow_database import migrate_airflow  # noqa: PLC0415 - most tests do without

    with fresh_database(pg_server) as address:
        migrate_airflow(address)
        migrate(address)
        yield str(conninfo_to_dict(address)["dbname"])
