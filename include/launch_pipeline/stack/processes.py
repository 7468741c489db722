"""Start, watch and stop long-running programs, and leave no process behind.

Each component leads its own session. The leader, all processes of the session, their children, and every
process that inherited ``LAUNCH_STACK`` belong to it. Records of the leaders are in the stack's home, so that
the next start finds what a killed supervisor left. A process counts as left over by pid *and* start time, or
by that variable, never by pid alone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil
from pydantic import ConfigDict, TypeAdapter, ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.errors import OperationError
from launch_pipeline.stack.keys import write_private

if TYPE_CHECKING:
    from typing import IO

logger = logging.getLogger(__name__)

GUARD = Path(__file__).with_name("guard.py")
LOG_LIMIT = 20 * 1024 * 1024
"""Bytes after which a component's log is rotated (one generation) at its next start."""
POLL = 0.1

_T = TypeVar("_T")


class Restarts(StrEnum):
    """What to do with a component that ends by itself once the stack is ready."""

    NEVER = "never"
    """Stop the stack."""
    SOME = "some"
    """Start it again; stop the stack if it does not stay alive."""
    ALWAYS = "always"
    """Start it again forever; the other components work without it."""


class ComponentSpec(Frozen):
    """How to run one component."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment; nothing is inherited."""
    user: str | None = None
    """The user to run as, if we are root."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    """Seconds between the stop signal and SIGKILL."""
    start_timeout: float = 90.0
    """Maximum seconds until it is ready."""
    restarts: Restarts = Restarts.NEVER


class ProcessRecord(Frozen):
    """A started leader, as recorded in the stack's home."""

    name: str
    pid: int
    started: float
    """Start time by the system's clock, from psutil."""
    stop_signal: int = int(signal.SIGTERM)

    def alive(self) -> bool:
        """Return whether this process still runs, and not another one with its pid."""
        process = attempt(lambda: psutil.Process(self.pid))
        return process is not None and _is_running(process) and same_start(process, self.started)


class ProcessRecords:
    """The file of records; every change is written before it is relied on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[ProcessRecord]:
        """Return the leaders that were started and not stopped; a damaged file counts as empty."""
        try:
            return TypeAdapter(list[ProcessRecord]).validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return []

    def add(self, record: ProcessRecord) -> None:
        """Record a started leader, replacing an earlier one of that name."""
        self._write([r for r in self.read() if r.name != record.name] + [record])

    def clear(self) -> None:
        """Delete all records."""
        self._path.unlink(missing_ok=True)

    def _write(self, records: Iterable[ProcessRecord]) -> None:
        write_private(self._path, [json.loads(r.model_dump_json()) for r in records])


class Component:
    """One supervised program. Start it from a thread that outlives it (see ``guard``)."""

    def __init__(self, spec: ComponentSpec, log_folder: Path, records: ProcessRecords) -> None:
        self.spec = spec
        self.name = spec.name
        self.log = log_folder / f"{spec.name}.log"
        self._records = records
        self._process: subprocess.Popen[bytes] | None = None
        self._family: dict[int, psutil.Process] = {}
        self._log_start = 0
        self.started_at = 0.0

    @property
    def pid(self) -> int | None:
        """The leader's pid, once started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the program. Raises :class:`OperationError` if it cannot be executed."""
        self.started_at = time.time()
        with self._open_log() as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                    guarded(self.spec.command, user=self.spec.user, death_signal=self.spec.stop_signal),
                    env=dict(self.spec.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    cwd="/",
                )
            except OSError as error:
                message = f"{self.name} could not be started: {error}"
                raise OperationError(message) from error
        self._record(self._process.pid)

    def _record(self, pid: int) -> None:
        started = attempt(lambda: psutil.Process(pid).create_time()) or 0.0
        signal_number = int(self.spec.stop_signal)
        record = ProcessRecord(name=self.name, pid=pid, started=started, stop_signal=signal_number)
        self._records.add(record)

    def _open_log(self) -> IO[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        file = self.log.open("ab")
        self._log_start = file.tell()
        return file

    def exit_code(self) -> int | None:
        """Return the exit code, None while it runs or if it was never started."""
        return self._process.poll() if self._process else None

    def running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Return the last lines it wrote since its start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(self._log_start, self.log.stat().st_size - 64 * 1024))
            text = file.read().decode("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def death(self) -> OperationError:
        """Build the error for a component that ended by itself: how, its last lines, and its log."""
        code = self.exit_code() or 0
        how = f"was ended by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        message = f"{self.name} {how}. Its last lines:\n{self.tail()}\nThe whole log: {self.log}"
        return OperationError(message)

    def members(self) -> list[psutil.Process]:
        """Return all living processes of its session, and their children."""
        return session_members(self._process.pid) if self._process else []

    def ask_to_stop(self) -> None:
        """Send the stop signal to the leader; components pass it on to their own children."""
        # Collected before it ends: afterwards its orphans cannot be recognised.
        self._family |= {each.pid: each for each in self.members()}
        if self._process and self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(self.spec.stop_signal)

    def finish(self, deadline: float) -> None:
        """Wait for the leader until ``deadline`` (monotonic), then kill what is left.

        It is asked a second time half-way, which Airflow's components understand as "now".
        """
        if self._process is None:
            return
        if not self._ended(self._half_way(deadline)):
            self.ask_to_stop()
        if not self._ended(deadline):
            logger.warning("%s did not stop in time and is killed", self.name)
        self._family |= {each.pid: each for each in self.members()}
        self.kill()
        # Not the leader: Popen has to collect its exit code.
        kill_all(each for pid, each in self._family.items() if pid != self._process.pid)
        self._family = {}

    def _half_way(self, deadline: float) -> float:
        now = time.monotonic()
        return now + (deadline - now) / 2

    def _ended(self, deadline: float) -> bool:
        if self._process is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to stop, wait, and kill what is left."""
        self.ask_to_stop()
        self.finish(time.monotonic() + self.spec.grace)

    def kill(self) -> None:
        """Kill the leader, as a crash would; its children stay as a crash leaves them."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)


def guarded(command: Iterable[str], *, user: str | None, death_signal: signal.Signals) -> list[str]:
    """Return the command line that runs ``command`` tied to this process (``guard``)."""
    head = [
        sys.executable,
        "-I",
        "-S",
        str(GUARD),
        str(os.getpid()),
        str(int(death_signal)),
        user or "-",
        "--",
    ]
    return [*head, *command]


def signal_name(number: int) -> str:
    """Return the name of a signal, such as ``SIGKILL``, or its number if it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def attempt(read: Callable[[], _T]) -> _T | None:
    """Return the result of ``read``, None if the process is gone or may not be read."""
    try:
        return read()
    except (psutil.Error, OSError):
        return None


def same_start(process: psutil.Process, started: float) -> bool:
    """Return whether the process started at that time, within the clock's precision."""
    created = attempt(process.create_time)
    return created is not None and abs(created - started) < 1.0


def _is_running(process: psutil.Process) -> bool:
    status = attempt(process.status)
    return status is not None and status != psutil.STATUS_ZOMBIE


def session_members(session: int) -> list[psutil.Process]:
    """Return the living processes of a session and all their descendants, also those in other sessions."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if attempt(lambda pid=process.pid: os.getsid(pid)) == session:  # type: ignore[misc]
            children = attempt(lambda parent=process: parent.children(recursive=True)) or []  # type: ignore[misc]
            found |= {each.pid: each for each in [process, *children]}
    return [each for each in found.values() if _is_running(each)]


def kill_all(processes: Iterable[psutil.Process], timeout: float = 5.0) -> None:
    """Kill each process and wait until it is gone. psutil compares start times, so a reused pid is safe."""
    victims = [process for process in processes if _is_running(process)]
    for victim in victims:
        attempt(victim.kill)
    psutil.wait_procs(victims, timeout=timeout)


def left_over(records: Iterable[ProcessRecord], mark: tuple[str, str]) -> list[psutil.Process]:
    """Return what an earlier supervisor left: recorded leaders, their sessions, and marked processes.

    ``mark`` is a variable and its value in the environment of everything that this stack starts. This process
    and its ancestors are never in the result.
    """
    spared = {os.getpid()} | {parent.pid for parent in psutil.Process().parents()}
    found: dict[int, psutil.Process] = {}
    for record in records:
        if record.alive():
            found |= {each.pid: each for each in session_members(record.pid)}
    for process in psutil.process_iter():
        environment = attempt(process.environ) or {}
        if environment.get(mark[0]) == mark[1] and _is_running(process):
            found[process.pid] = process
    return [process for pid, process in found.items() if pid not in spared]


def sweep(records: ProcessRecords, mark: tuple[str, str], grace: float = 8.0) -> list[str]:
    """Stop everything that an earlier supervisor left; return the names of the leaders that still ran.

    Each leader gets its own stop signal. After ``grace`` seconds the rest is killed.
    """
    known = records.read()
    leaders = [record for record in known if record.alive()]
    victims = left_over(known, mark)
    for leader in leaders:
        with suppress(ProcessLookupError):
            os.kill(leader.pid, leader.stop_signal)
    _, stubborn = psutil.wait_procs(victims, timeout=grace if leaders else 0)
    kill_all([*stubborn, *left_over(known, mark)])
    records.clear()
    return [leader.name for leader in leaders]


def wait_until(condition: Callable[[], bool], timeout: float, *, alive: Callable[[], None]) -> bool:
    """Poll ``condition`` until it holds (True) or ``timeout`` seconds have passed (False).

    ``alive`` is called between polls, and raises if waiting has become pointless.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        alive()
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
