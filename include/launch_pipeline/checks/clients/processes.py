"""Runs one program without a shell, and leaves no process of it behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

KEPT = 64 * 1024
"""Bytes of the end of each stream that are kept."""
_MARK = "LAUNCH_CHECK_COMMAND"
_ALWAYS = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_KILLING = 5.0
_GLANCE = 0.05
_DRAINING = 1.0
_PIECE = 32 * 1024


@dataclass
class Tail:
    """The end of a stream; earlier bytes are only counted."""

    kept: bytearray = field(default_factory=bytearray)
    total: int = 0

    async def read(self, stream: asyncio.StreamReader | None) -> None:
        """Read the stream to its end."""
        while stream is not None and (piece := await stream.read(_PIECE)):
            self.total += len(piece)
            self.kept += piece
            del self.kept[:-KEPT]


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    returncode: int | None
    """None: stopped for taking too long. Negative: ended by a signal."""
    duration_s: float
    stdout: Tail
    stderr: Tail


def environment(allowed: Sequence[str]) -> dict[str, str]:
    """Return the allowed part of the worker's environment, which also holds Airflow's own secrets.

    Raises Inconclusive if an allowed name is not set.
    """
    missing = [name for name in allowed if name not in os.environ]
    if missing:
        message = f"environment variable {missing[0]} is not set on this worker; the program needs it"
        raise Inconclusive(message)
    always = {name: os.environ[name] for name in _ALWAYS if name in os.environ}
    return always | {name: os.environ[name] for name in allowed}


async def run(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], seconds: float, patience: float
) -> Ended:
    """Run a program for at most ``seconds``; raises Inconclusive if it cannot be started.

    Processes that are left at the end get SIGTERM, and SIGKILL after ``patience`` seconds. Afterwards none
    is left, neither in its process group nor outside of it with our mark in the environment.
    """
    mark = uuid.uuid4().hex
    out, err, began = Tail(), Tail(), time.monotonic()
    process = await _started(argv, cwd, {**env, _MARK: mark})
    readers = [
        asyncio.create_task(tail.read(stream))
        for tail, stream in ((out, process.stdout), (err, process.stderr))
    ]
    returncode, gone = None, False
    try:
        with contextlib.suppress(TimeoutError):
            returncode = await asyncio.wait_for(_exit(process), seconds)
        duration = time.monotonic() - began
        await _end_all(process, mark, patience)
        gone = True
        await asyncio.wait(readers, timeout=_DRAINING)
    finally:
        if not gone:  # the check itself was stopped
            _kill(process, mark)
        for reader in readers:
            reader.cancel()
    return Ended(returncode, round(duration, 3), out, err)


async def _started(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"program '{argv[0]}' cannot be run on this worker in '{cwd}': {reason}"
        raise Inconclusive(message[:300]) from error


async def _exit(process: asyncio.subprocess.Process) -> int:
    """Wait for the program alone; ``wait()`` also waits for its pipes, which a grandchild may hold."""
    while process.returncode is None:  # noqa: ASYNC110  (asyncio has no other signal for the end of the program)
        await asyncio.sleep(_GLANCE)
    return process.returncode


async def _end_all(process: asyncio.subprocess.Process, mark: str, patience: float) -> None:
    """Send SIGTERM to all processes, and SIGKILL to those that stay."""
    deadline = time.monotonic() + patience
    _signal_group(process.pid, signal.SIGTERM)
    for one in await asyncio.to_thread(_marked, mark):
        with contextlib.suppress(psutil.Error):
            one.terminate()
    while time.monotonic() < deadline:
        left = await asyncio.to_thread(_marked, mark)
        if process.returncode is not None and not left:
            break
        await asyncio.sleep(_GLANCE)
    await asyncio.to_thread(_kill, process, mark)
    await _exit(process)


def _kill(process: asyncio.subprocess.Process, mark: str) -> None:
    """Send SIGKILL to all remaining processes, and to those that they start meanwhile."""
    deadline = time.monotonic() + _KILLING
    _signal_group(process.pid, signal.SIGKILL)
    while (left := _marked(mark)) and time.monotonic() < deadline:
        for one in left:
            with contextlib.suppress(psutil.Error):
                one.kill()
        time.sleep(_GLANCE)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _marked(mark: str) -> list[psutil.Process]:
    """Find every live process that was started with our mark, also one in a session of its own.

    A zombie has no environment any more.
    """
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if one.environ().get(_MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found
