"""Report the progress of a start or stop as steps with a beginning and an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from launch_pipeline.base import Frozen


class StepState(StrEnum):
    """State of one step."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    WARNING = "warning"


class Step(Frozen):
    """One step, reported when it begins and when it ends."""

    name: str
    state: StepState
    detail: str = ""
    seconds: float = 0.0


Progress = Callable[[Step], None]


def silent(_step: Step) -> None:
    """Report nothing."""


@contextmanager
def step(progress: Progress, name: str) -> Iterator[None]:
    """Report the block as one step: started, then done or failed, with its duration."""
    began = time.monotonic()
    progress(Step(name=name, state=StepState.STARTED))
    try:
        yield
    except BaseException:
        progress(Step(name=name, state=StepState.FAILED, seconds=time.monotonic() - began))
        raise
    progress(Step(name=name, state=StepState.DONE, seconds=time.monotonic() - began))
