"""Play the operator: repair the product, release and retarget, clear rejected items, let the launch go on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import CONDUCTOR, T_0
from launch_rehearsal.actors.scenario import Rejection, Scenario, Situation
from launch_rehearsal.actors.story import Happening, Story

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_rehearsal.actors.product_client import ProductClient
    from launch_rehearsal.actors.turns import Regressing
    from launch_rehearsal.actors.watch import View
    from launch_rehearsal.product.base.plan import Part

JUST_NOW = 5.0
"""How many seconds a view may be older than the last clear."""


class Operator:
    """Act on what the watch sees. Call ``act`` from one thread; ``situation`` from any."""

    def __init__(
        self,
        *,
        scenario: Scenario,
        control: ProductClient,
        api: AirflowApi,
        lead: AirflowApi,
        regressing: Regressing,
        run_id: str,
        story: Story,
    ) -> None:
        """Prepare; ``api`` is signed in as the release manager, ``lead`` as the technical lead."""
        self._scenario, self._control, self._api, self._lead = scenario, control, api, lead
        self._regressing, self._run_id, self._story = regressing, run_id, story
        self._healing = dict(scenario.heals_after)
        self._repaired_at: float | None = None
        self._began = time.monotonic()
        self._cleared = False
        self._written = False

    def situation(self) -> Situation:
        """Return what people know: the parts about to recover, the time since the last repair, any doubt."""
        regressing, turn = self._regressing, self._scenario.regression
        repaired = [at for at in (self._repaired_at, regressing.repaired_at) if at is not None]
        found = {turn.part} if turn and regressing.under_repair else set()
        return Situation(
            broken=frozenset(self._healing) | found,
            since_repair=time.monotonic() - max(repaired) if repaired else None,
            doubt=regressing.doubt,
        )

    def repairs(self, view: View) -> bool:
        """Return whether a launch that failed was just repaired or is about to be."""
        no = self._scenario.rejection
        place = view.place_of(no.ref) if no else None
        due = place is not None and view.conductor_step(place[0]) == "failed"
        return due and (not self._cleared or time.monotonic() - (self._repaired_at or 0.0) < JUST_NOW)

    def act(self, view: View) -> None:
        """Do what is due.

        Raises OperationError if Airflow or the product does not answer, LedgerError if the ledger does not.
        """
        self._heal()
        self._repair(view)
        self._regressing.act(view)
        if not self._written and view.state_of(T_0) == "success":
            self._written = True
            commit = self._control.write_up()
            self._story.tell(Happening.REPAIR, f"the team documented the launch ({commit[:12]})")

    def _heal(self) -> None:
        for part, after in list(self._healing.items()):
            if time.monotonic() - self._began >= after:
                self._mend(part)
                del self._healing[part]
                self._story.tell(Happening.HEAL, f"{part} is back; its items recover by themselves")

    def _mend(self, part: Part) -> None:
        self._control.repair(part)
        self._repaired_at = time.monotonic()

    def _repair(self, view: View) -> None:
        """Repair the rejected item's part on a new commit, and let the launch go on with it.

        The item is cleared with downstream, then the conductor's step. What rests on the commit is verified
        again by itself. Wait until the launch has ended: before that the scheduler may still mark downstream
        steps as failed, even those just cleared.
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
        self._retarget(no)
        self._story.tell(Happening.REPAIR, f"{no.part} repaired; clearing {task_id} with what follows")
        self._api.clear(dag_id, self._run_id, [task_id], include_downstream=True)
        self._api.clear(CONDUCTOR, self._run_id, [dag_id], include_downstream=True)

    def _retarget(self, no: Rejection) -> None:
        commit = self._control.release_again()
        done = self._lead.retarget_launch(self._run_id, commit, None, no.repair)
        stale = len(done.get("stale") or ())
        says = f"the launch has the release commit {commit[:12]} now ({no.repair}); {stale} items rest on it"
        self._story.tell(Happening.MOVED, says)
