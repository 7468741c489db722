"""The embedded stack: who owns the ledger migrates it, and what runs cannot change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.stack.keys import StackKeys, load_keys, write_private
from launch_pipeline.stack.postgres import Postgres
from launch_pipeline.stack.processes import Component, ProcessRecords, wait_until
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.stack import migrate_ledger
from servers.chains import LAUNCH, append_some

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

CHANGES = (
    "UPDATE launch.ledger SET try_number = 9",
    "DELETE FROM launch.ledger",
    "TRUNCATE launch.ledger",
    "ALTER TABLE launch.ledger DISABLE TRIGGER ALL",
    "DROP TRIGGER ledger_append_only ON launch.ledger",
    "DROP TABLE launch.ledger",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackSettings]:
    """Give the settings of a stack whose database runs and is migrated, as `launch up` does it."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "dags").mkdir()
    (folder / "home").mkdir(mode=0o700)
    made = StackSettings.resolve(root=folder, home=folder / "home", rehearsal=True)
    server = Postgres(made)
    server.prepare()
    component = Component(server.spec(), made.log_folder, ProcessRecords(made.home / "processes.json"))
    component.start()
    try:
        assert wait_until(server.ready, 60, alive=lambda: None), component.tail()
        for _ in range(2):
            server.create_databases()
            migrate_ledger(made.ledger_owner_dsn)
        yield made
    finally:
        component.stop()


def test_components_are_told_the_applications_address(settings: StackSettings) -> None:
    """No component's environment holds the owner's password, or the superuser's."""
    keys = settings.keys()
    told = " ".join(settings.environment().values())
    assert settings.environment()["AIRFLOW_CONN_LAUNCH_LEDGER"] == settings.ledger_dsn
    assert keys.ledger_app_password in told
    assert keys.ledger_password not in told
    assert keys.postgres_password not in told


def test_application_appends_and_changes_nothing(settings: StackSettings) -> None:
    """With the address that components have, rows are kept and every change is refused."""
    append_some(settings.ledger_dsn)
    for statement in CHANGES:
        with (
            psycopg.connect(settings.ledger_dsn) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())
    proved = verify(settings.ledger_dsn, LAUNCH)
    assert (proved.rows, proved.broken) == (6, None)


def test_airflow_cannot_read_the_ledger(settings: StackSettings) -> None:
    """Airflow's own role, which every task's code could use, does not even enter the database."""
    address = settings.airflow_dsn.removesuffix("airflow") + "launch"
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(address, connect_timeout=5)


def test_home_of_an_earlier_release_gets_the_new_password_once(tmp_path: Path) -> None:
    """A file of secrets without it is completed, and read the same ever after."""
    path = tmp_path / "secrets.json"
    old = StackKeys().model_dump(exclude={"ledger_app_password"})
    write_private(path, old)
    first = load_keys(path)
    assert first.ledger_app_password
    assert first.model_dump(exclude={"ledger_app_password"}) == old
    assert load_keys(path) == first
