"""One round: launches begin, people answer, something is killed, the launches end, and it is counted."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chaos.deciders import Deciders
from chaos.faults import Fault, relieve, strike
from chaos.reckoning import Reckoning, reckon
from launch_pipeline.errors import OperationError
from launch_pipeline.record.schema import EntryKind
from servers.launches import PHASE

if TYPE_CHECKING:
    import random

    from chaos.stage import Stage
    from servers.launches import Run

LOOK_EVERY = 0.5
PATIENCE = 240.0
"""Seconds in which a launch must end, whatever was killed."""
SOONEST, LATEST = 0.5, 8.0
"""Seconds between the first answer and the blow."""
PAGES = ("green", "heals", "witnessed")


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    fault: Fault
    reckoning: Reckoning
    recovery: float
    """Seconds from the blow to the first decision in the ledger after it; 0 where none was left to make."""
    seconds: float

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"fault": self.fault.value, "seconds": round(self.seconds, 1), "recovery": self.recovery} | (
            asdict(self.reckoning)
        )


def play(stage: Stage, fault: Fault, rng: random.Random, name: str, *, launches: int) -> Round:
    """Play one round. Raises AssertionError where a launch does not end."""
    began = time.monotonic()
    runs = [stage.pad.begin(name=f"chaos-{name}-{number}") for number in range(launches)]
    stage.pad.switches.on(*(run.page(page) for run in runs for page in PAGES))
    deciders = Deciders(stage, [run.id for run in runs])
    blow = _play(stage, fault, rng, deciders, runs)
    deciders.read_receipts()
    reckoning = reckon(stage.pad.ledger, [run.id for run in runs], PHASE, deciders.accounts)
    return Round(fault, reckoning, _recovery(stage, runs, blow), time.monotonic() - began)


def _play(stage: Stage, fault: Fault, rng: random.Random, deciders: Deciders, runs: list[Run]) -> float:
    end = time.monotonic() + PATIENCE
    delay, due, blow = rng.uniform(SOONEST, LATEST), None, 0.0
    while not _ended(runs):
        answered = deciders.look()
        if due is None and answered:
            due = time.monotonic() + delay
        if not blow and due is not None and time.monotonic() >= due:
            blow = time.time()
            strike(fault, stage, rng)
            relieve(fault, stage)
        stage.revive()
        if time.monotonic() > end:
            shown = {run.id: run.tasks() for run in runs}
            states = {i: {t: (s["state"], s["try_number"]) for t, s in r.items()} for i, r in shown.items()}
            message = f"not ended {PATIENCE:.0f} s after {fault}: {states}"
            raise AssertionError(message)
        time.sleep(LOOK_EVERY)
    return blow


def _ended(runs: list[Run]) -> bool:
    try:
        found = [run.pad.api().dag_run(run.dag_id, run.id) for run in runs]
    except OperationError:
        return False
    return all(run is not None and run["state"] in {"success", "failed"} for run in found)


def _recovery(stage: Stage, runs: list[Run], blow: float) -> float:
    kept = [e.appended_at.timestamp() for run in runs for e in stage.pad.ledger.entries(run.id)
            if e.kind is EntryKind.DECISION]  # fmt: skip
    after = [moment - blow for moment in kept if moment > blow]
    return round(min(after), 1) if blow and after else 0.0
