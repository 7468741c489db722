"""A running api-server with the launch plugin, and gates in its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servers import airflow_home

airflow_home.prepare()

from servers.airflow_database import GateRows  # noqa: E402
from servers.databases import fresh_database  # noqa: E402
from servers.include_folder import IncludeFolder  # noqa: E402
from servers.plugin_server import PluginServer, serving  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def airflow_dsn(pg_server: str, airflow_template: str) -> Iterator[str]:
    """Give a database with Airflow's tables and the ledger's."""
    with fresh_database(pg_server, airflow_template) as dsn:
        yield dsn


@pytest.fixture(scope="package")
def include(tmp_path_factory: pytest.TempPathFactory) -> IncludeFolder:
    """Give the checklists with a policy that settles as fast as it may; for the server and these tests."""
    folder = IncludeFolder(tmp_path_factory.mktemp("plugin") / "include")
    folder.policy(settle="1s")
    return folder


@pytest.fixture(autouse=True)
def variables(include: IncludeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read the same files, in these tests only: others run in it afterwards."""
    monkeypatch.setenv("LAUNCH_INCLUDE", str(include.path))
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)


@pytest.fixture(scope="package")
def server(
    airflow_dsn: str, include: IncludeFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PluginServer]:
    """Give the api-server."""
    with serving(airflow_dsn, include, tmp_path_factory.mktemp("api-server")) as running:
        yield running


@pytest.fixture(autouse=True)
def ended(request: pytest.FixtureRequest) -> Iterator[None]:
    """End what a test leaves under way, so that the next one finds an empty board."""
    yield
    if "airflow_dsn" in request.fixturenames:
        dsn: str = request.getfixturevalue("airflow_dsn")
        GateRows(dsn).execute("UPDATE dag_run SET state = 'success', updated_at = '2020-01-01'")


@pytest.fixture
def rows(server: PluginServer) -> GateRows:
    """Give the server's database."""
    return server.rows
