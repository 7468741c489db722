"""``launch rehearse`` as a process: its exit codes, its streams, and Ctrl-C at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

ENDED = """
from pathlib import Path
from launch_pipeline.ledger.schema import Outcome
from launch_rehearsal.run import command
from launch_rehearsal.run.summary import PhaseLine, Summary

def line(dag_id, complete):
    passed = {{Outcome.PASSED: 272 if dag_id == "week" else 4}}
    document = dag_id == "week"
    return PhaseLine(dag_id=dag_id, title=dag_id, counts=passed, complete=complete, in_document=document)

lines = tuple(line(name, {complete}) for name in ("week", "go_no_go", "sign_off"))
command.Rehearsal._start = lambda self: None
command.write_report = lambda dsn, launch_id, contacts, home: home / "R.html"
command.Rehearsal._launch = lambda self: Summary(launch_id="R", lines=lines, waivers=(), verified=272)
command.rehearse(home=Path({home!r}), port={port}, keep={keep}, json=True)
"""
"""A rehearsal whose launch is over before it began: what comes after is real."""


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments in a session of its own; killed at the end where it still runs."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=out, stderr=err, text=True, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def said(folder: Path, words: str, stream: str = "err") -> bool:
    file = folder / stream
    return wait_until(lambda: words in file.read_text(encoding="utf-8"), 60, alive=lambda: None)


def of_home(home: Path) -> list[psutil.Process]:
    """Every process that belongs to a stack in this home, by its inherited variable or its files."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            marked = process.environ().get("LAUNCH_STACK") == str(home)
            if marked or str(home / "postgres") in process.cmdline():
                found.append(process)
    return [each for each in found if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(("complete", "code"), [(True, 0), (False, 1)])
def test_exit_code_and_standard_output_are_for_programs(tmp_path: Path, complete: bool, code: int) -> None:
    """0 where all is as planned, 1 where it is not; standard output holds one JSON document."""
    script = ENDED.format(complete=complete, home=str(tmp_path / "home"), port=free_ports(1)[0], keep=False)
    with running("-c", script, folder=tmp_path) as process:
        assert process.wait(60) == code
    assert json.loads((tmp_path / "out").read_text(encoding="utf-8"))["as_planned"] is complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_kept_rehearsal_ends_with_its_own_code(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C ends what was kept running; that is no interruption of a rehearsal that was over."""
    script = ENDED.format(complete=True, home=str(tmp_path / "home"), port=free_ports(1)[0], keep=True)
    with running("-c", script, folder=tmp_path) as process:
        assert said(tmp_path, "Everything keeps running")
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(30) == 0
    assert json.loads((tmp_path / "out").read_text(encoding="utf-8"))["total"] == 272


def test_interrupted_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C while Airflow starts stops what runs by then, and says that it was interrupted."""
    home, port = tmp_path / "home", str(free_ports(1)[0])
    command = ("-m", "launch_pipeline.cli.main", "rehearse", "--json", "--home", str(home), "--port", port)
    with running(*command, folder=tmp_path) as process:
        assert said(tmp_path, "✓ database")
        assert of_home(home)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert wait_until(lambda: not of_home(home), 30, alive=lambda: None)
    assert (tmp_path / "out").read_text(encoding="utf-8") == ""
