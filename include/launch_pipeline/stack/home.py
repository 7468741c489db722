"""The stack's home folder: its lock, its free space, and the file in which clients find the stack.

The supervisor holds ``lock`` while it lives; the kernel releases it with the process. ``stack.json`` (0600)
gives clients the address, the user to sign in as, and the ledger's database.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.errors import OperationError
from launch_pipeline.stack.keys import write_private

if TYPE_CHECKING:
    from types import TracebackType

MINIMUM_FREE = 500 * 1024 * 1024
"""Bytes. A fresh cluster, Airflow's tables and the logs of one launch need about a third of this."""
STATE_FILE = "stack.json"


class StackInfo(Frozen):
    """What a client needs to talk to a running stack."""

    url: str
    pid: int
    """Process id of the supervisor."""
    user: str
    """The user with which the command line signs in."""
    passwords_file: Path
    ledger_dsn: str
    rehearsal: bool
    log_folder: Path

    people: tuple[str, ...] = ()
    """Users who may sign in, without the accounts of pipeline and bridge."""

    def password(self, user: str) -> str:
        """Return a user's password. Raises :class:`OperationError`, listing all accounts, if unknown."""
        try:
            known = json.loads(self.passwords_file.read_text(encoding="utf-8"))
            return str(known[user])
        except (OSError, ValueError, KeyError) as error:
            message = (
                f"no password for {user!r} in {self.passwords_file}: {error!r}."
                f" The stack has the accounts {', '.join(self.people)}."
            )
            raise OperationError(message) from error


class HomeLock:
    """The lock of a home, held from :meth:`acquire` to :meth:`release` or the death of the process."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> Self:
        """Take the lock. Raises :class:`OperationError` naming the pid of the stack that holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 32, 0).decode().strip()
            os.close(descriptor)
            message = (
                f"a stack already runs in {self._path.parent} (pid {pid}). "
                "Stop it with Ctrl-C in its terminal or 'launch down', or choose another --home."
            )
            raise OperationError(message) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Release the lock; does nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def prepare_home(home: Path, minimum_free: int = MINIMUM_FREE) -> None:
    """Create the home with mode 0700 and check that it can be used.

    Raises :class:`OperationError` if it cannot be written or its disk has less than ``minimum_free`` bytes.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or error
        message = f"the stack's home {home} cannot be written: {reason}. Choose another with --home."
        raise OperationError(message) from error
    free = shutil.disk_usage(home).free
    if free < minimum_free:
        message = (
            f"only {free // 2**20} MiB are free at {home}, {minimum_free // 2**20} MiB are needed. "
            "Free some space, or choose a home on another disk with --home."
        )
        raise OperationError(message)


def write_info(home: Path, info: StackInfo) -> None:
    """Write ``stack.json`` for clients."""
    write_private(home / STATE_FILE, json.loads(info.model_dump_json()))


def read_info(home: Path) -> StackInfo | None:
    """Return the stack that runs in ``home``, None if no stack runs there."""
    try:
        info = StackInfo.model_validate_json((home / STATE_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return info if held(home) else None


def held(home: Path) -> bool:
    """Return whether a living supervisor holds this home."""
    try:
        descriptor = os.open(home / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def forget_info(home: Path) -> None:
    """Remove ``stack.json``, so that clients find no stack."""
    (home / STATE_FILE).unlink(missing_ok=True)
