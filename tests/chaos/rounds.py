"""One round: launches begin, people answer, something is killed, the launches end, and it is counted."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chaos.deciders import Deciders
from chaos.faults import Blows, Fault
from chaos.reckoning import Reckoning, reckon
from launch_pipeline.errors import OperationError
from launch_pipeline.ledger.schema import EntryKind
from servers.launches import PHASE, Run

if TYPE_CHECKING:
    import random

    from chaos.stage import Stage

LOOK_EVERY = 0.2
PATIENCE = 300.0
"""Seconds in which a launch must end after the last blow, whatever was killed."""
PAGES = ("green", "heals", "witnessed")
CONDUCTOR, NEXT = "launch", "week_2_infrastructure_setup"
LAUNCH = {"previous_release": "0.9.0", "launch_at": "2035-01-01T09:00:00+00:00"}


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    fault: Fault
    reckoning: Reckoning
    recovery: float
    """Seconds from a blow to the next decision that the ledger kept; the longest of the round's blows."""
    slowest: float
    """Seconds from an answer that Airflow took to its row in the ledger; the longest of the round."""
    left: tuple[str, ...]
    """What was left behind by what was killed: processes that nobody supervises, and locks."""
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong and nothing was left."""
        return self.reckoning.clean and not self.left

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "fault": self.fault.value,
            "seconds": round(self.seconds, 1),
            "recovery": self.recovery,
            "slowest": self.slowest,
            "left": list(self.left),
            **asdict(self.reckoning),
        }


def play(stage: Stage, fault: Fault, rng: random.Random, name: str, *, launches: int) -> Round:
    """Play one round; the last of its launches is run by a conductor."""
    began = time.monotonic()
    runs = [stage.pad.begin(name=f"chaos-{name}") for _ in range(launches - 1)]
    conducted = stage.pad.begin(CONDUCTOR, name=f"chaos-{name}", **LAUNCH)
    runs.append(conducted.of(PHASE))
    stage.pad.switches.on(*(run.page(page) for run in runs for page in PAGES))
    deciders = Deciders(stage, [run.id for run in runs])
    blows = Blows.of(fault, stage, rng)
    with deciders.at_work():
        ended = _play(stage, blows, deciders, runs)
    reckoning = reckon(stage.pad, [run.id for run in runs], PHASE, deciders.accounts)
    recovery, slowest = _times(stage, runs, blows.struck)
    left = (*stage.left_behind(), *(() if ended else _end(runs)))
    _end([conducted, conducted.of(NEXT)])
    return Round(fault, reckoning, recovery, slowest, left, time.monotonic() - began)


def _play(stage: Stage, blows: Blows, deciders: Deciders, runs: list[Run]) -> bool:
    """Give whether all launches ended in time."""
    end = time.monotonic() + PATIENCE
    while not (_ended(runs) and _went_on(runs[-1])):
        if deciders.answered.is_set():
            blows.begin()
        struck = len(blows.struck)
        blows.fall(LOOK_EVERY)
        if len(blows.struck) > struck:
            end = time.monotonic() + PATIENCE
        stage.revive()
        if time.monotonic() > end:
            return False
    return True


def _ended(runs: list[Run]) -> bool:
    try:
        found = [run.pad.api().dag_run(run.dag_id, run.id) for run in runs]
    except OperationError:
        return False
    return all(run is not None and run["state"] in {"success", "failed"} for run in found)


def _went_on(phase: Run) -> bool:
    """Whether the conductor has begun what follows the phase."""
    try:
        return phase.pad.api().dag_run(NEXT, phase.id) is not None
    except OperationError:
        return False


def _end(runs: list[Run]) -> tuple[str, ...]:
    """End runs by hand; say how they stood."""
    said = []
    for run in runs:
        states = {name: (task["state"], task["try_number"]) for name, task in run.tasks().items()}
        said.append(f"{run.dag_id} of {run.id} did not end: {states}")
        run.pad.api().set_run_state(run.dag_id, run.id, "failed")
    return tuple(said)


def _times(stage: Stage, runs: list[Run], blows: list[float]) -> tuple[float, float]:
    """Recovery, and the longest from answer to row."""
    ledger = stage.pad.ledger
    rows = [(entry, entry.record) for run in runs for entry in ledger.entries(run.id, EntryKind.DECISION)]
    kept = sorted(entry.appended_at.timestamp() for entry, _ in rows)
    after = [next((moment - blow for moment in kept if moment > blow), 0.0) for blow in blows]
    waits = [(entry.appended_at - record.decided_at).total_seconds() for entry, record in rows if record]
    return round(max(after, default=0.0), 1), round(max(waits, default=0.0), 1)
