"""Say where an item waits without a worker, and what an Airflow event means there."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.launch.item_flow import Answered, Denied, Event, Healed, Refreshed, RoundDue
from launch_pipeline.launch.item_records import GivenAnswer

if TYPE_CHECKING:
    from collections.abc import Callable


class State(StrEnum):
    """Where a task waits without a worker. Airflow stores the value with the deferred task."""

    BEGINNING = "beginning"
    """Before its first look, or until what was away at its start answers again."""
    CHECKED = "checked"
    """The triggerer has looked once, and the checks did not end the task."""
    ASKED = "asked"
    """The request is open."""
    HEALED = "healed"
    """The checks pass now; the evidence waits for the ledger."""
    ANSWERED = "answered"
    """An answer waits for the ledger."""
    REFRESHING = "refreshing"
    """An approval waits for fresh evidence."""
    RESTING = "resting"
    """A round is acknowledged; the next one is due later."""
    DENIED = "denied"
    """Another role said no; the record waits for the ledger."""


_ANSWERABLE = frozenset({State.BEGINNING, State.ASKED, State.HEALED})
"""The request of any other state is answered already."""


def event_of(state: State, event: Any, held: dict[str, Any]) -> Event | None:
    """Return what happened to an item; None where its checks must be looked at first.

    ``event`` is Airflow's (an answer, or what a trigger saw), ``held`` what was stored with the wait.
    """
    if state in _ANSWERABLE and isinstance(event, dict) and "chosen_options" in event:
        return Answered(GivenAnswer.of_event(event))
    read = _EVENTS.get(state)
    return read(event, held) if read else None


def evidence_of(state: State, event: Any, held: dict[str, Any]) -> Evidence | None:
    """Return what the triggerer saw, or what was seen before the task had to wait."""
    seen = event if state is State.CHECKED else held.get("evidence")
    return Evidence.model_validate(seen) if seen else None


def _asked(event: Any, _held: dict[str, Any]) -> Event | None:
    if event is None:
        # A task that was removed from its Dag and came back goes on without an event: it begins anew.
        return None
    if "denied_by" in event:
        return Denied(event["denied_by"])
    return Healed(Evidence.model_validate(event))


def _healed(_event: Any, held: dict[str, Any]) -> Event:
    return Healed(Evidence.model_validate(held["evidence"]))


def _answered(_event: Any, held: dict[str, Any]) -> Event:
    return Answered(GivenAnswer.model_validate(held["answer"]), offered=True)


def _refreshed(event: Any, held: dict[str, Any]) -> Event:
    if event is None:
        # Likewise: nothing was seen, and the answer waits for a look as before.
        return _answered(event, held)
    return Refreshed(GivenAnswer.model_validate(held["answer"]), Evidence.model_validate(event))


_EVENTS: dict[State, Callable[[Any, dict[str, Any]], Event | None]] = {
    State.ASKED: _asked,
    State.HEALED: _healed,
    State.ANSWERED: _answered,
    State.REFRESHING: _refreshed,
    State.RESTING: lambda _event, _held: RoundDue(),
    State.DENIED: lambda _event, held: Denied(held["by"]),
}
