"""Runs one program without a shell, and leaves nothing of it behind."""

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
"""Bytes kept of the end of each stream."""
_MARK = "LAUNCH_CHECK_COMMAND"
_ALWAYS = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
_KILLING = 5.0
_GLANCE = 0.05
_DRAINING = 1.0
_PIECE = 32 * 1024


@dataclass
class Tail:
    """The end of a stream; what came before is counted and forgotten."""

    kept: bytearray = field(default_factory=bytearray)
    total: int = 0

    async def read(self, stream: asyncio.StreamReader | None) -> None:
        """Read to the end, however much it is."""
        while stream is not None and (piece := await stream.read(_PIECE)):
            self.total += len(piece)
            self.kept += piece
            del self.kept[:-KEPT]


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    returncode: int | None
    """None: it was stopped for taking too long. Negative: a signal ended it."""
    duration_s: float
    stdout: Tail
    stderr: Tail


def environment(allowed: Sequence[str]) -> dict[str, str]:
    """Take only what is allowed from the worker's environment, which holds Airflow's own secrets.

    Raises Inconclusive where an allowed name is not set.
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
    """Run a program for at most ``seconds``; raises Inconclusive where it cannot be started.

    What is left then, or when it has ended, is asked to end, and ended after ``patience`` seconds.

    Whatever it has started is gone afterwards, in any case: its process group, and whoever left the
    group but still carries our mark in its environment.
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
    """Wait for the program alone; ``wait()`` waits for its pipes too, which a grandchild may hold."""
    while process.returncode is None:  # noqa: ASYNC110  (asyncio tells of the program's end no other way)
        await asyncio.sleep(_GLANCE)
    return process.returncode


async def _end_all(process: asyncio.subprocess.Process, mark: str, patience: float) -> None:
    """Ask everything to end, and end what does not."""
    deadline = time.monotonic() + patience
    _signal_group(process.pid, signal.SIGTERM)
    for one in await asyncio.to_thread(_kin, mark):
        with contextlib.suppress(psutil.Error):
            one.terminate()
    while time.monotonic() < deadline:
        kin = await asyncio.to_thread(_kin, mark)
        if process.returncode is not None and not kin:
            break
        await asyncio.sleep(_GLANCE)
    await asyncio.to_thread(_kill, process, mark)
    await _exit(process)


def _kill(process: asyncio.subprocess.Process, mark: str) -> None:
    """End whatever is left, at once; what it starts meanwhile as well."""
    deadline = time.monotonic() + _KILLING
    _signal_group(process.pid, signal.SIGKILL)
    while (kin := _kin(mark)) and time.monotonic() < deadline:
        for one in kin:
            with contextlib.suppress(psutil.Error):
                one.kill()
        time.sleep(_GLANCE)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _kin(mark: str) -> list[psutil.Process]:
    """Find every living process that was started with our mark, also one in a session of its own.

    Who has died and is not yet buried by its parent has no environment any more.
    """
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if one.environ().get(_MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found
