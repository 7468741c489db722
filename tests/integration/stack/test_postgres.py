"""The embedded PostgreSQL: passwords, separate databases, and starts after crashes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from launch_pipeline.stack.postgres import Postgres
from launch_pipeline.stack.processes import Component, ProcessRecords, wait_until
from launch_pipeline.stack.settings import StackSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


def settings_in(folder: Path) -> StackSettings:
    (folder / "dags").mkdir(parents=True)
    (folder / "home").mkdir(mode=0o700)
    return StackSettings.resolve(root=folder, home=folder / "home", rehearsal=True)


def started(settings: StackSettings) -> tuple[Postgres, Component]:
    server = Postgres(settings)
    server.prepare()
    records = ProcessRecords(settings.home / "processes.json")
    component = Component(server.spec(), settings.log_folder, records)
    component.start()
    assert wait_until(server.ready, 60, alive=lambda: None), component.tail()
    server.create_databases()
    return server, component


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    return settings_in(tmp_path / "one")


@pytest.fixture
def running(settings: StackSettings) -> Iterator[tuple[Postgres, Component]]:
    server, component = started(settings)
    yield server, component
    component.stop()


def refused(dsn: str) -> str:
    with pytest.raises(psycopg.OperationalError) as error:
        psycopg.connect(dsn, connect_timeout=5)
    return str(error.value)


@pytest.mark.usefixtures("running")
def test_each_database_takes_its_own_role_with_its_password_only(settings: StackSettings) -> None:
    """Airflow cannot reach the ledger, and nobody gets in without a password."""
    for dsn in (settings.airflow_dsn, settings.ledger_dsn):
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("150",)
    keys = settings.keys()
    assert "password" in refused(settings.airflow_dsn.replace(keys.airflow_password, "wrong"))
    assert "permission denied" in refused(settings.airflow_dsn.removesuffix("airflow") + "launch")


def test_two_stacks_coexist(tmp_path: Path, running: tuple[Postgres, Component]) -> None:
    """A second home has a server of its own, and its end is not the first one's."""
    second, component = started(settings_in(tmp_path / "two"))
    component.stop()
    assert not second.ready()
    assert running[0].ready()


def test_what_was_committed_survives_kill_9(
    settings: StackSettings, running: tuple[Postgres, Component]
) -> None:
    """In a rehearsal too: people have been told that their answer is recorded."""
    server, component = running
    with psycopg.connect(settings.airflow_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE answers (number int)")
        for number in range(200):
            connection.execute("INSERT INTO answers VALUES (%s)", [number])
        component.kill()
    component.stop()
    component.start()
    assert wait_until(server.ready, 60, alive=lambda: None), component.tail()
    with psycopg.connect(settings.airflow_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (200,)


def test_stop_is_clean(running: tuple[Postgres, Component]) -> None:
    """A stop is a fast shutdown: no recovery at the next start, no process left."""
    _, component = running
    members = component.members()
    component.stop()
    assert component.exit_code() == 0
    assert "database system is shut down" in component.tail()
    assert [p for p in members if p.is_running()] == []


def test_starts_again_after_a_crash_of_the_server(settings: StackSettings) -> None:
    """Kill -9 of the postmaster leaves a lock file and no damage."""
    _, component = started(settings)
    component.kill()
    component.finish(0)
    _, again = started(settings)
    again.stop()
    assert again.exit_code() == 0


def test_a_server_left_running_is_stopped_first(settings: StackSettings) -> None:
    """A postmaster that outlived its supervisor and its records is found by its files."""
    _, orphan = started(settings)
    _, component = started(StackSettings.resolve(root=settings.root, home=settings.home))
    assert orphan.exit_code() is not None
    component.stop()


def test_a_lock_whose_pid_is_somebody_else_is_removed(settings: StackSettings) -> None:
    """After a restart of the machine the old pid may be any process; it is not touched."""
    _, component = started(settings)
    component.kill()
    component.finish(0)
    lock = settings.home / "postgres" / "postmaster.pid"
    lines = lock.read_text(encoding="utf-8").splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]), encoding="utf-8")
    _, again = started(settings)
    again.stop()
    assert psutil.Process().is_running()


def test_an_interrupted_creation_is_begun_again(settings: StackSettings) -> None:
    """Half a cluster never passes for a whole one, and the password file does not stay."""
    (settings.home / "postgres.part").mkdir()
    (settings.home / "postgres.part" / "PG_VERSION").write_text("18\n", encoding="utf-8")
    _, component = started(settings)
    component.stop()
    assert not (settings.home / "postgres.part").exists()
    assert not (settings.home / "postgres.password").exists()


def test_the_server_is_stopped_by_a_fast_shutdown(settings: StackSettings) -> None:
    """SIGTERM would wait for clients, of which a stack has many."""
    assert Postgres(settings).spec().stop_signal is signal.SIGINT
