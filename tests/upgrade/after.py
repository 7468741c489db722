"""Let the younger package go on with what the older one left, and bring its launches to their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, SIGN_OFF
from launch_pipeline.checklist.vocabulary import Answer
from launch_rehearsal.actors.slack_screen import Screen, Wish
from servers.launches import ENDED
from upgrade.before import (
    ADA,
    ASKS,
    CARLA,
    DENIED,
    FORM,
    GOES,
    OMAR,
    PRIYA,
    PRIYA_IN_SLACK,
    STAYS,
    answer,
    decides,
    pin_of,
    run_of,
    stays,
    until_begun,
    until_waits,
)
from upgrade.checklists import DECIDERS, WAITS
from upgrade.seen import Place, see
from upgrade.stage import LAUNCHER

if TYPE_CHECKING:
    from servers.launches import Run
    from upgrade.seen import Seen
    from upgrade.stage import Stage

ASKED = "asked"
GOES_ON: dict[Place, str] = {
    stays("machine.heals"): "success",
    stays("machine.broken"): "skipped",
    stays("people.kept"): "success",
    stays("people.meanwhile"): "success",
    stays("people.refreshed"): "success",
    stays("later.looked_at"): "success",
    stays("people.attested"): ASKED,
    stays("people.begun"): ASKED,
    stays("people.witnessed"): ASKED,
    stays("people.rested"): ASKED,
    **{decides(DENIED, role): "failed" for role in DECIDERS},
    **{decides(ASKS, role): ASKED for role in DECIDERS},
}
"""Where everything gets by itself, without another answer."""
PEOPLE = {"technical_lead": ADA, "product_manager": PRIYA, "operations_lead": OMAR, "cto": CARLA}
NAMES = {ADA: "Ada Lindqvist", PRIYA: "Priya Raman", OMAR: "Omar Haddad", CARLA: "Carla Mendes"}
WHOLE_LAUNCH = 240.0
"""Seconds from go/no-go to the end of a launch, on a busy machine."""


def go_on(stage: Stage) -> Seen:
    """Wait until everything has gone on as far as it goes by itself, and return what there is then."""
    until_waits(stage, GOES_ON)
    run_of(stage, DENIED, GO_NO_GO).until_ended()
    return see(stage)


def finish(stage: Stage) -> Seen:
    """Answer what is asked, see the launches to their ends, and return what there is then."""
    _send_form(stage)
    _finish_first_phase(run_of(stage, STAYS, WAITS))
    _say_no(run_of(stage, ASKS, GO_NO_GO))
    _go_to_the_end(run_of(stage, GOES, CONDUCTOR))
    return see(stage)


def _send_form(stage: Stage) -> None:
    """Send the form that the older package's bridge has opened."""
    wish = Wish(pin_of(stage, FORM), Answer.APPROVE)
    Screen(stage.slack_url, PRIYA_IN_SLACK)._submit([wish])
    run_of(stage, STAYS, WAITS).until_state(FORM.task_id, "success")


def _finish_first_phase(run: Run) -> None:
    answer(run, ADA, "people.witnessed", "Approve")
    for name in ("begun", "rested"):
        answer(run, PRIYA, f"people.{name}", "Approve")
    run.until_ended()
    conductor = run.of(CONDUCTOR)
    conductor.until_state(WAITS, *ENDED)
    # What follows costs a minute, and another launch shows it.
    conductor.pad.api(LAUNCHER).abort_launch(run.id, "It has shown what it is to show.")
    conductor.pad.api().set_run_state(CONDUCTOR, run.id, "failed")


def _say_no(run: Run) -> None:
    answer(run, CARLA, "go_no_go.cto_go", "No go", reason="The cellar is still wet.")
    run.until_ended()


def _go_to_the_end(conductor: Run) -> None:
    """Decide and sign, once the windows have opened that come first."""
    for dag_id in (GO_NO_GO, SIGN_OFF):
        phase = conductor.of(dag_id)
        until_begun(phase, WHOLE_LAUNCH)
        for role, user in PEOPLE.items():
            if dag_id == GO_NO_GO:
                answer(phase, user, f"go_no_go.{role}_go", "Go")
            else:
                answer(phase, user, f"sign_off.{role}", "Sign", signature=NAMES[user])
    conductor.until_ended()
