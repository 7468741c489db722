"""The local executor with a worker that was killed: it ends instead of waiting for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

SCRIPT = """
import os, signal, sys, time
from launch_pipeline.errors import OperationError
from launch_pipeline.airflow.deployment.executor import PRELOADED, FailFastLocalExecutor

class Watched(FailFastLocalExecutor):
    def _spawn_worker(self):
        print("said inherits" if set(PRELOADED) <= set(sys.modules) else "said lacks", file=sys.stderr)
        super()._spawn_worker()

executor = Watched(parallelism=3)
executor.start()
executor.sync()
pids = list(executor.workers)
print("workers", *pids, file=sys.stderr)
if "kill" in sys.argv:
    # Idle ones: one of them holds the queue's lock while it waits.
    for pid in pids[: len(pids) - 1]:
        os.kill(pid, signal.SIGKILL)
    while any(executor.workers[pid].is_alive() for pid in pids[:-1]):
        time.sleep(0.01)
    for step in (executor.sync, executor._check_workers):
        try:
            step()
        except OperationError as error:
            print("said", error, file=sys.stderr)
executor.end()
"""


def _run(home: Path, *arguments: str) -> tuple[list[int], list[str]]:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    environment = {**os.environ, "AIRFLOW_HOME": str(home)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    lines = done.stderr.splitlines()
    pids = next(line.split()[1:] for line in lines if line.startswith("workers "))
    return [int(pid) for pid in pids], [line for line in lines if line.startswith("said ")]


def test_an_executor_with_a_lost_worker_ends(tmp_path: Path) -> None:
    """It says so at the next beat, and takes the workers along that wait for a lock nobody will release."""
    pids, said = _run(tmp_path, "kill")
    assert len(pids) == 3
    assert ["were killed" in line for line in said[3:]] == [True, True]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_whole_executor_ends_as_airflows(tmp_path: Path) -> None:
    """Nothing is lost: workers finish what they do and go. They began with what tasks import."""
    pids, said = _run(tmp_path)
    assert said == ["said inherits"] * 3
    assert not any(psutil.pid_exists(pid) for pid in pids)
