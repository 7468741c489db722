"""Components end when asked, die visibly, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.stack.processes import (
    Component,
    ComponentSpec,
    ProcessRecord,
    ProcessRecords,
    left_over,
    sweep,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MARK = "LAUNCH_STACK"
PACKAGE = Path(__file__).resolve().parents[3] / "include"

# Starts a child in a session of its own, says both pids, and waits. The child inherits the mark.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(300)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(1)
"""
SUPERVISOR = """
import sys, time
from pathlib import Path
from launch_pipeline.stack.processes import Component, ComponentSpec, ProcessRecords
home = Path(sys.argv[1])
spec = ComponentSpec(
    name="fake", command=(sys.executable, "-c", sys.argv[2]), environment={"LAUNCH_STACK": str(home)}
)
component = Component(spec, home / "logs", ProcessRecords(home / "processes.json"))
component.start()
print(component.pid, flush=True)
time.sleep(300)
"""


def soon(condition: Callable[[], bool], timeout: float = 15.0) -> bool:
    return wait_until(condition, timeout, alive=lambda: None)


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def records(tmp_path: Path) -> ProcessRecords:
    return ProcessRecords(tmp_path / "processes.json")


@pytest.fixture
def make(tmp_path: Path, records: ProcessRecords) -> Iterator[Callable[..., Component]]:
    made: list[Component] = []

    def component(code: str, **options: float) -> Component:
        spec = ComponentSpec(
            name=f"fake-{len(made)}",
            command=(sys.executable, "-c", code),
            environment={**os.environ, MARK: str(tmp_path)},
            **options,
        )
        made.append(Component(spec, tmp_path / "logs", records))
        made[-1].start()
        return made[-1]

    yield component
    for each in made:
        each.kill()
    sweep(records, (MARK, str(tmp_path)), grace=0.1)


def said(component: Component) -> str:
    assert soon(lambda: bool(component.tail())), "it said nothing"
    return component.tail()


def test_stop_ends_a_component_and_its_children(make: Callable[..., Component]) -> None:
    """After stop nothing of the component runs, not even a child in a session of its own."""
    component = make(PARENT)
    child = int(said(component))
    component.stop()
    assert component.exit_code() == -signal.SIGTERM
    assert not running(child)


def test_stop_is_bounded_for_a_component_that_ignores_signals(make: Callable[..., Component]) -> None:
    """A component that ignores the stop signal is killed after its grace."""
    component = make(STUBBORN, grace=0.4)
    said(component)
    began = time.monotonic()
    component.stop()
    assert component.exit_code() == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_death_names_the_component_its_end_its_last_words_and_its_log(make: Callable[..., Component]) -> None:
    """The message says what died, how, and where its log is."""
    component = make("print('no space left'); raise SystemExit(3)")
    assert soon(lambda: not component.running())
    message = str(component.death())
    assert "fake-0 ended with exit code 3" in message
    assert "no space left" in message
    assert str(component.log) in message


def test_death_by_signal_is_named(make: Callable[..., Component]) -> None:
    """A killed component says by which signal."""
    component = make(PARENT)
    component.kill()
    assert "was ended by SIGKILL" in str(component.death())


def test_tail_starts_at_this_start(make: Callable[..., Component]) -> None:
    """Words of an earlier run in the same log are not shown as the last words of this one."""
    component = make("print('first')")
    assert soon(lambda: not component.running())
    component.start()
    assert soon(lambda: not component.running())
    assert component.tail() == "first"
    assert component.log.read_text(encoding="utf-8") == "first\nfirst\n"


def test_a_program_that_does_not_exist_dies_visibly(
    tmp_path: Path,
    records: ProcessRecords,
) -> None:
    """A wrong program is a death with a reason in its log, not a hang."""
    spec = ComponentSpec(name="none", command=("/does/not/exist",), environment={})
    component = Component(spec, tmp_path, records)
    component.start()
    assert soon(lambda: not component.running())
    assert "FileNotFoundError" in str(component.death())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_kill_9_of_the_supervisor_ends_its_components(tmp_path: Path) -> None:
    """The kernel passes the death of the supervisor on, so nothing waits for a next start."""
    supervisor = supervise(tmp_path, PARENT)
    leader = int(line_of(supervisor))
    assert running(leader)
    supervisor.kill()
    supervisor.wait()
    assert soon(lambda: not running(leader))


def test_the_next_start_sweeps_what_kill_9_left(tmp_path: Path) -> None:
    """What ignores the signal, and children whose leader died, are gone after a sweep."""
    supervisor = supervise(tmp_path, STUBBORN)
    leader = int(line_of(supervisor))
    log = tmp_path / "logs" / "fake.log"
    assert soon(lambda: log.exists() and "ready" in log.read_text(encoding="utf-8"))
    supervisor.kill()
    supervisor.wait()
    assert running(leader)
    assert sweep(ProcessRecords(tmp_path / "processes.json"), (MARK, str(tmp_path)), grace=0.2) == ["fake"]
    assert not running(leader)


def test_sweep_finds_marked_children_of_a_dead_leader(
    tmp_path: Path,
    make: Callable[..., Component],
    records: ProcessRecords,
) -> None:
    """A child that fled into its own session is known by the inherited variable."""
    component = make(PARENT)
    child = int(said(component))
    component.kill()
    assert running(child)
    sweep(records, (MARK, str(tmp_path)), grace=0.2)
    assert not running(child)


def test_sweep_spares_a_process_that_only_has_the_pid(tmp_path: Path, records: ProcessRecords) -> None:
    """A pid that another program has by now is left alone, because its start time differs."""
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        records.add(ProcessRecord(name="old", pid=innocent.pid, started=1.0))
        assert sweep(records, (MARK, str(tmp_path)), grace=0.1) == []
        assert innocent.poll() is None
        assert records.read() == []
    finally:
        innocent.kill()
        innocent.wait()


def test_left_over_never_holds_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A supervisor that runs inside a stack's environment does not end itself or its parents."""
    monkeypatch.setenv(MARK, str(tmp_path))
    own = ProcessRecord(name="me", pid=os.getpid(), started=psutil.Process().create_time())
    assert os.getpid() not in {p.pid for p in left_over([own], (MARK, str(tmp_path)))}


def test_damaged_records_count_as_none(records: ProcessRecords, tmp_path: Path) -> None:
    """A half-written file does not stop the next start."""
    (tmp_path / "processes.json").write_text("[{", encoding="utf-8")
    assert records.read() == []


def test_waiting_ends_with_the_error_of_what_died() -> None:
    """Waiting for readiness ends at once when a component is dead."""

    def dead() -> None:
        raise OperationError("postgres ended")

    with pytest.raises(OperationError, match="postgres ended"):
        wait_until(lambda: False, 30, alive=dead)


def supervise(home: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(home), code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with process.stdout as stream:
        return stream.readline()
