"""Debian's PostgreSQL 15: a primary that archives, a streaming standby, and PgBouncer in front."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from launch_pipeline.checks.engine.context import ConnectionInfo
from servers.programs import as_user, free_ports, listens, open_folder, program, running, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "planted-postgres-password"
_USER = "postgres"
_PACKAGE = "postgresql-15"


@dataclass(frozen=True)
class Pair:
    """Ports of the three, and a connection to each."""

    primary: int
    standby: int
    bouncer: int

    def connection(self, port: int, database: str = "postgres", **fields: object) -> ConnectionInfo:
        """Connect as the role of checks."""
        given = {"login": "launch_check", "password": PASSWORD, "schema": database, **fields}
        return ConnectionInfo("postgres", "postgres", "127.0.0.1", port, **given)  # type: ignore[arg-type]

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Ask the primary as its superuser."""
        uri = f"postgresql://{_USER}:{PASSWORD}@127.0.0.1:{self.primary}/postgres"
        with psycopg.connect(uri, autocommit=True, client_encoding="UTF8") as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def _run(folder: Path, name: str, *arguments: str) -> None:
    argv = [program(name, _PACKAGE), *arguments]
    environment = {**os.environ, "PGPASSWORD": PASSWORD, "LC_ALL": "C"}
    done = subprocess.run(
        argv, cwd=folder, env=environment, user=as_user(_USER), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def _own(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    if as_user(_USER):
        shutil.chown(path, _USER)
    path.chmod(0o600)
    return str(path)


@contextmanager
def serving() -> Iterator[Pair]:
    """Run all three."""
    with open_folder(_USER) as folder, ExitStack() as stack:
        pair = Pair(*free_ports(3))
        secret = _own(folder, "password", PASSWORD)
        _run(folder, "initdb", "-D", "primary", "-U", _USER, "-A", "scram-sha-256", "--pwfile", secret, "-N")
        common = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={folder}",
            "-c",
            "fsync=off",
        ]
        archive = ["-c", "archive_mode=on", "-c", "archive_command=true", "-c", "wal_level=logical"]
        server = program("postgres", _PACKAGE)
        argv = [server, "-D", str(folder / "primary"), "-p", str(pair.primary), *common, *archive]
        stack.enter_context(running(argv, lambda: listens(pair.primary), folder, user=_USER))
        wait_for(lambda: _answers(pair), "starting the primary")
        pair.execute(f"CREATE ROLE launch_check LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor")
        place = ["-h", "127.0.0.1", "-p", str(pair.primary), "-U", _USER]
        slot = ["-R", "-C", "-S", "standby_1", "-c", "fast", "--no-sync"]
        _run(folder, "pg_basebackup", *place, "-D", "standby", *slot)
        argv = [server, "-D", str(folder / "standby"), "-p", str(pair.standby), *common]
        stack.enter_context(running(argv, lambda: listens(pair.standby), folder, user=_USER))
        wait_for(
            lambda: bool(pair.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")),
            "streaming",
        )
        stack.enter_context(_bouncer(folder, pair))
        yield pair


def _answers(pair: Pair) -> bool:
    try:
        return bool(pair.execute("SELECT 1"))
    except psycopg.OperationalError:
        return False


@contextmanager
def _bouncer(folder: Path, pair: Pair) -> Iterator[None]:
    users = _own(folder, "users.txt", f'"launch_check" "{PASSWORD}"\n')
    settings = _own(
        folder,
        "pgbouncer.ini",
        f"[databases]\npostgres = host=127.0.0.1 port={pair.primary}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {pair.bouncer}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {users}\n"
        "stats_users = launch_check\npool_mode = transaction\nmax_client_conn = 1000\n",
    )
    argv = [program("pgbouncer", "pgbouncer"), settings]
    with running(argv, lambda: listens(pair.bouncer), folder, user=_USER):
        yield
