"""The operator of a rehearsal: repairs the stand-in, clears what was rejected, lets the launch go on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from launch_rehearsal.actors.scenario import Scenario, Situation
from launch_rehearsal.actors.story import Happening, Story

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_rehearsal.actors.product_client import ProductClient
    from launch_rehearsal.actors.watch import View
    from launch_rehearsal.product.base.plan import Part

CONDUCTOR = "launch"
WRITE_UP_AFTER = "launch_day_t_0"
JUST_NOW = 5.0
"""Seconds that a view may be older than what has just been cleared."""


class Operator:
    """Acts on what the watch sees. ``act`` from one thread; ``situation`` from any."""

    def __init__(
        self, *, scenario: Scenario, control: ProductClient, api: AirflowApi, run_id: str, story: Story
    ) -> None:
        self._scenario, self._control, self._api, self._run_id = scenario, control, api, run_id
        self._story = story
        self._healing = dict(scenario.heals_after)
        self._repaired_at: float | None = None
        self._began = time.monotonic()
        self._cleared = False
        self._written = False

    def situation(self) -> Situation:
        """What people know: what is about to come back, and when something last did."""
        at = self._repaired_at
        since = None if at is None else time.monotonic() - at
        return Situation(broken=frozenset(self._healing), since_repair=since)

    def repairs(self, view: View) -> bool:
        """Whether a launch that failed has just been, or is about to be, repaired."""
        no = self._scenario.rejection
        place = view.place_of(no.ref) if no else None
        due = place is not None and view.conductor_step(place[0]) == "failed"
        return due and (not self._cleared or time.monotonic() - (self._repaired_at or 0.0) < JUST_NOW)

    def act(self, view: View) -> None:
        """Do what is due. Raises OperationError where Airflow or the stand-in does not answer."""
        self._heal()
        self._repair(view)
        if not self._written and view.state_of(WRITE_UP_AFTER) == "success":
            self._written = True
            commit = self._control.write_up()
            self._story.tell(Happening.REPAIR, f"the team wrote down what it learned ({commit[:12]})")

    def _heal(self) -> None:
        for part, after in list(self._healing.items()):
            if time.monotonic() - self._began >= after:
                self._mend(part)
                del self._healing[part]
                self._story.tell(Happening.HEAL, f"{part} is back; its items turn green by themselves")

    def _mend(self, part: Part) -> None:
        self._control.repair(part)
        self._repaired_at = time.monotonic()

    def _repair(self, view: View) -> None:
        """Repair what was rejected, clear the item with what follows it, then the conductor's step.

        Not before the launch has ended: until then the scheduler may still mark the steps that follow as
        failed, also those that were just cleared.
        """
        no = self._scenario.rejection
        if no is None or self._cleared or not view.over:
            return
        place = view.place_of(no.ref)
        if place is None or view.conductor_step(place[0]) != "failed":
            return
        self._cleared = True
        dag_id, task_id = place
        self._mend(no.part)
        self._story.tell(Happening.REPAIR, f"{no.part} repaired; clearing {task_id} with what follows")
        self._api.clear(dag_id, self._run_id, [task_id], include_downstream=True)
        self._api.clear(CONDUCTOR, self._run_id, [dag_id], include_downstream=True)
