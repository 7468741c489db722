"""What goes wrong, as it happens to real deployments: a kill, a power cut, a network that says nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import psutil
import requests

from launch_pipeline.stack.slack_bridge import BRIDGE
from launch_pipeline.stack.stack import STOP_FIRST

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from chaos.stage import Stage

AWAY_SECONDS = 60.0
"""How long an api-server stays away that is not started again at once."""
LEDGER_AWAY_SECONDS = 15.0
SLACK_AWAY_SECONDS = 8.0
SOONEST, LATEST = 0.5, 8.0
"""Seconds between the first answer and the first blow, and between two blows."""


class Fault(StrEnum):
    """One kind of bad day. All but the last few are kill -9."""

    NONE = "none"
    TRIGGERER = "triggerer"
    SCHEDULER = "scheduler"
    API_SERVER = "api-server"
    DAG_PROCESSOR = "dag-processor"
    BRIDGE = "bridge"
    POSTGRES = "postgres"
    TASK = "task"
    """Four processes in which tasks run, one after the other."""
    WORKER = "worker"
    """One of the local executor's workers."""
    WORKERS = "workers"
    """All of them at once."""
    EVERY = "every"
    """Each component, a worker and PostgreSQL, one after the other in one round."""
    RESTART = "postgres-restart"
    """PostgreSQL is stopped and started in an orderly way."""
    EVERYTHING = "everything"
    """All components at once, as where the power fails."""
    AWAY = "api-server-away"
    """The api-server is not started again for a minute."""
    LEDGER = "ledger-away"
    """The ledger's database refuses connections for a while; Airflow's does not."""
    SLACK_DOWN = "slack-down"
    SLACK_SILENT = "slack-silent"


IN_TURN = (
    Fault.TRIGGERER,
    Fault.SCHEDULER,
    Fault.API_SERVER,
    Fault.DAG_PROCESSOR,
    Fault.BRIDGE,
    Fault.POSTGRES,
    Fault.WORKER,
    Fault.TASK,
)
TASKS_KILLED = 4


@dataclass
class Blows:
    """The blows of one round: each falls a random while after the one before, the first after an answer."""

    stage: Stage
    rng: random.Random
    left: list[Fault]
    struck: list[float] = field(default_factory=list)
    """When, by the clock of the machine."""
    _due: float | None = None

    @classmethod
    def of(cls, fault: Fault, stage: Stage, rng: random.Random) -> Blows:
        """Plan the blows of a fault."""
        several: dict[Fault, Sequence[Fault]] = {
            Fault.NONE: (),
            Fault.TASK: [Fault.TASK] * TASKS_KILLED,
            Fault.EVERY: rng.sample(IN_TURN, len(IN_TURN)),
        }
        return cls(stage, rng, list(several.get(fault, (fault,))))

    def begin(self) -> None:
        """Start the clock of the first blow."""
        if self._due is None:
            self._wait()

    def fall(self, seconds: float) -> None:
        """Spend some time, and let the next blow fall if it is its turn."""
        if self._due is None or not self.left or time.monotonic() < self._due:
            time.sleep(seconds)
        elif strike(self.left[0], self.stage, self.rng, seconds):
            self.struck.append(time.time())
            del self.left[0]
            self._wait()

    def _wait(self) -> None:
        self._due = time.monotonic() + self.rng.uniform(SOONEST, LATEST)


def strike(fault: Fault, stage: Stage, rng: random.Random, seconds: float = 5.0) -> bool:
    """Let it happen, within some seconds; give whether it did (a task may not run now)."""
    if fault in {Fault.TASK, Fault.WORKER, Fault.WORKERS}:
        return _kill(stage, fault, rng, seconds)
    if special := _SPECIAL.get(fault):
        special(stage)
    else:
        stage.stack.kill(BRIDGE if fault is Fault.BRIDGE else fault.value)
    return True


def _everything(stage: Stage) -> None:
    for name in (*STOP_FIRST, "api-server", BRIDGE, "postgres"):
        stage.stack.kill(name)


def _restart(stage: Stage) -> None:
    stage.stack.restart("postgres")


def _away(stage: Stage) -> None:
    stage.hold(AWAY_SECONDS)
    stage.stack.kill("api-server")


def _ledger_away(stage: Stage) -> None:
    stage.pad.valve.shut()
    stage.later(LEDGER_AWAY_SECONDS, stage.pad.valve.open)


def _slack_silent(stage: Stage) -> None:
    requests.post(f"{stage.slack_url}/control/sockets/silence", timeout=10).raise_for_status()


def _slack_down(stage: Stage) -> None:
    faults, fault = f"{stage.slack_url}/control/faults", {"method": "*", "kind": "status", "status": 503}
    requests.post(faults, json={**fault, "times": 100_000}, timeout=10).raise_for_status()
    requests.post(f"{stage.slack_url}/control/sockets/drop", timeout=10).raise_for_status()
    stage.later(SLACK_AWAY_SECONDS, lambda: requests.delete(faults, timeout=10).raise_for_status())


_SPECIAL: dict[Fault, Callable[[Stage], None]] = {
    Fault.EVERYTHING: _everything,
    Fault.RESTART: _restart,
    Fault.AWAY: _away,
    Fault.LEDGER: _ledger_away,
    Fault.SLACK_DOWN: _slack_down,
    Fault.SLACK_SILENT: _slack_silent,
}


def _kill(stage: Stage, fault: Fault, rng: random.Random, seconds: float) -> bool:
    found: Callable[[], list[psutil.Process]] = stage.tasks if fault is Fault.TASK else stage.workers
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        alive = found()
        for each in alive if fault is Fault.WORKERS else rng.sample(alive, min(1, len(alive))):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        if alive:
            return True
        time.sleep(0.01)
    return False
