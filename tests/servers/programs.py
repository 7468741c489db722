"""Run a real server program for a test: free ports, a folder of its own, gone afterwards by its pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PLACES = ("/usr/sbin", "/usr/lib/postgresql/15/bin")
_PATIENCE = 30.0


def program(name: str, package: str) -> str:
    """Find a program, or skip the test and name the Debian package that has it."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))
    if found is None:
        pytest.skip(f"needs {name}: apt-get install {package}")
    return found


def free_ports(count: int) -> list[int]:
    """Find ports of loopback that nobody listens on, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(
    condition: Callable[[], bool], what: str, seconds: float = _PATIENCE, every: float = 0.05
) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} took longer than {seconds:g}s"
        time.sleep(every)


@contextmanager
def open_folder(owner: str = "") -> Iterator[Path]:
    """Make a temporary folder that another user can reach, owned by him where root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="launch-test-"))
    try:
        folder.chmod(0o755)
        if as_user(owner):
            shutil.chown(folder, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_user(name: str) -> str | None:
    """Return the user for a program that refuses to run as root; None unless the tests run as root."""
    return name if name and os.geteuid() == 0 else None


@contextmanager
def running(
    argv: Sequence[str],
    ready: Callable[[], bool],
    folder: Path,
    *,
    user: str = "",
    stop: int = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; its output is in ``folder``, and in the error if it dies early."""
    log = folder / f"{Path(argv[0]).name}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder, start_new_session=True,
            user=as_user(user),
        )  # fmt: skip
    try:
        alive = lambda: process.poll() is None  # noqa: E731
        wait_for(lambda: ready() or not alive(), f"starting {argv[0]}")
        assert alive(), f"{argv[0]} ended: {log.read_text(errors='replace')[-2000:]}"
        yield process
    finally:
        end(process, stop)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """Stop a server that :func:`running` started, and whatever it has started."""
    if process.poll() is None:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
