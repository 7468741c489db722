"""What goes wrong, as it happens to real deployments: a kill, a power cut, a network that says nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil
import requests

from chaos.stage import SLACK
from launch_pipeline.runtime.slack import BRIDGE

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from chaos.stage import Stage

TASK_SECONDS = 30.0
"""How long to wait for a task that runs, to kill it."""
SLACK_AWAY_SECONDS = 8.0


class Fault(StrEnum):
    """One kind of bad day."""

    NONE = "none"
    TRIGGERER = "triggerer"
    SCHEDULER = "scheduler"
    API_SERVER = "api-server"
    DAG_PROCESSOR = "dag-processor"
    TASK = "task"
    WORKER = "worker"
    BRIDGE = "bridge"
    POSTGRES = "postgres"
    SLACK_DOWN = "slack-down"
    SLACK_SILENT = "slack-silent"


def strike(fault: Fault, stage: Stage, rng: random.Random) -> None:
    """Let it happen; what was killed stays dead until ``Stage.revive``."""
    named = {Fault.BRIDGE: BRIDGE, Fault.SLACK_DOWN: SLACK}
    if fault in {Fault.TASK, Fault.WORKER}:
        _kill_one(stage.tasks if fault is Fault.TASK else stage.workers, rng)
    elif fault is Fault.SLACK_SILENT:
        requests.post(f"{stage.slack_url}/control/sockets/silence", timeout=10).raise_for_status()
    elif fault is Fault.SLACK_DOWN:
        _refuse_everything(stage.slack_url)
    elif fault is not Fault.NONE:
        stage.stack.kill(named.get(fault, fault.value))


def relieve(fault: Fault, stage: Stage) -> None:
    """End what does not end by itself."""
    if fault is Fault.SLACK_DOWN:
        time.sleep(SLACK_AWAY_SECONDS)
        requests.delete(f"{stage.slack_url}/control/faults", timeout=10).raise_for_status()


def _refuse_everything(url: str) -> None:
    fault = {"method": "*", "kind": "status", "status": 503, "times": 100_000}
    requests.post(f"{url}/control/faults", json=fault, timeout=10).raise_for_status()
    requests.post(f"{url}/control/sockets/drop", timeout=10).raise_for_status()


def _kill_one(found: Callable[[], list[psutil.Process]], rng: random.Random) -> None:
    end = time.monotonic() + TASK_SECONDS
    while time.monotonic() < end:
        if alive := found():
            with suppress(psutil.NoSuchProcess):
                rng.choice(alive).kill()
                return
        time.sleep(0.01)
