"""Bring launches of the older package into every wait, and stop parts of its stack as an upgrade does."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, T_MINUS_2H
from launch_pipeline.errors import OperationError
from launch_pipeline.launch.item_states import State
from launch_pipeline.slack.messages.button_values import RequestPin
from launch_pipeline.slack.messages.elements import REVIEW
from launch_rehearsal.actors.slack_screen import Screen
from servers.launches import PATIENCE, RELEASE, Run
from upgrade.checklists import DECIDERS, WAITS
from upgrade.pack import ROOT
from upgrade.seen import Place, see, tasks
from upgrade.stage import LAUNCHER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from upgrade.seen import Seen
    from upgrade.stage import Stage

PRIYA_IN_SLACK = "U0LAUNCH02"
ADA, PRIYA, OMAR, CARLA = "ada.technical", "priya.product", "omar.operations", "carla.cto"
GOES = "REHEARSAL-goes"
"""Waits for its first window, and goes on to its end."""
STAYS = "REHEARSAL-stays"
"""Its first phase has an item in every wait."""
DENIED = "REHEARSAL-denied"
"""Somebody has said no; the others' tasks have yet to record it."""
ASKS = "REHEARSAL-asks"
"""Its go/no-go is asked."""
ADMITTED = "admitted"
ALL_PAGES = ("green", "heals", "broken", "witnessed", "refreshed", "looked_at")
ALL_PEOPLE = ("witnessed", "refreshed", "attested", "kept", "begun", "meanwhile", "first", "rested")
NOT_ASKED = "This launch has no need of it."
SOON = timedelta(seconds=150)
AHEAD = timedelta(seconds=60)
"""How far ahead the first window is kept while a triggerer runs that could open it."""
DAY = timedelta(days=1)
WAY_THERE = 300.0
"""Seconds in which a launch reaches the launch day, on a busy machine."""


def dags_of(root: Path, folder: Path) -> Path:
    """Copy a package's Dags, with the one that begins go/no-go out of turn."""
    shutil.copytree(root / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "fixtures" / "upgrade" / "dags" / f"{ADMITTED}.py", folder)
    return folder


def run_of(stage: Stage, launch_id: str, dag_id: str) -> Run:
    """Return a handle on a run of a launch."""
    return Run(stage.pad, dag_id, launch_id)


def begin(stage: Stage) -> None:
    """Begin the four launches, and bring the one that goes to its first window."""
    goes, stays = run_of(stage, GOES, WAITS), run_of(stage, STAYS, WAITS)
    stage.switches.on(*map(goes.page, ALL_PAGES), *map(stays.page, ("green", "refreshed")))
    for launch_id, dag_id, ahead in (
        (GOES, CONDUCTOR, SOON),
        (STAYS, CONDUCTOR, DAY),
        (DENIED, ADMITTED, DAY),
        (ASKS, ADMITTED, DAY),
    ):
        _trigger(stage, dag_id, launch_id, datetime.now(UTC) + ahead)
    for run in (goes, stays):
        until_begun(run)
    for name in ALL_PEOPLE:
        answer(goes, CARLA, f"people.{name}", "Not applicable", reason=NOT_ASKED)
    window = goes.of(T_MINUS_2H)
    window.until("the first window waits", lambda: _waits(stage, window), WAY_THERE)


def _waits(stage: Stage, window: Run) -> bool:
    keep_ahead(stage)
    begun = window.pad.api().dag_run(window.dag_id, window.id)
    return bool(begun) and any(task["state"] == "deferred" for task in window.tasks().values())


def until_begun(run: Run, patience: float = PATIENCE) -> None:
    """Wait until a run that the conductor begins is there."""
    api = run.pad.api()
    run.of(CONDUCTOR).until(f"{run.dag_id} begins", lambda: api.dag_run(run.dag_id, run.id), patience)


def _trigger(stage: Stage, dag_id: str, launch_id: str, launch_at: datetime) -> None:
    form = {
        "environment": "e2e",
        "release": "1.0.0",
        "release_sha": RELEASE,
        "previous_release": "0.9.0",
        "rehearsal": True,
        "launch_at": launch_at.isoformat(),
    }
    stage.pad.api(LAUNCHER).trigger(dag_id, form, run_id=launch_id)


def keep_ahead(stage: Stage) -> None:
    """Postpone the launch that goes, if its first window is about to open."""
    found = stage.ledger("SELECT launch_at FROM launch.launches WHERE launch_id = %s", GOES)
    if found and found[0][0] < datetime.now(UTC) + AHEAD / 2:
        to = datetime.now(UTC) + AHEAD
        stage.pad.api(LAUNCHER).postpone_launch(GOES, to, "The package is upgraded first.")


def answer(run: Run, user: str, task_id: str, option: str, **fields: str) -> None:
    """Answer a request once it waits; Airflow and the guard want it to have waited for some seconds."""
    run.until_waiting(task_id)
    run.until(f"the answer of {user} to {task_id}", lambda: _taken(run, user, task_id, option, fields))


def _taken(run: Run, user: str, task_id: str, option: str, fields: dict[str, str]) -> bool:
    try:
        run.answer(user, task_id, option, **fields)
    except OperationError:
        return False
    return True


def until_waits(stage: Stage, waits: dict[Place, str]) -> None:
    """Wait until these tasks wait in these states."""
    run = run_of(stage, STAYS, WAITS)

    def there() -> bool:
        found = see_tasks(stage, waits)
        return all(found.get(place) == state for place, state in waits.items())

    try:
        run.until(f"they wait in {sorted(set(waits.values()))}", there)
    except AssertionError as error:
        raise AssertionError(f"{see_tasks(stage, waits)}") from error


def see_tasks(stage: Stage, places: Iterable[Place]) -> dict[Place, str]:
    """Return the state in which each of these tasks waits, or Airflow's state of it."""
    found = tasks(stage)
    waiting = {"deferred", "awaiting_input"}
    return {
        place: task.waits_in if task.state in waiting else str(task.state)
        for place in places
        if (task := found.get(place))
    }


def stays(name: str) -> Place:
    """Name an item of the phase with every wait."""
    return Place(STAYS, WAITS, name)


def decides(launch_id: str, role: str) -> Place:
    """Name a role's decision."""
    return Place(launch_id, GO_NO_GO, f"go_no_go.{role}_go")


HELD: dict[Place, str] = {
    stays("people.begun"): State.BEGINNING,
    stays("people.kept"): State.ANSWERED,
    stays("people.witnessed"): State.HEALED,
    **{decides(DENIED, role): State.DENIED for role in DECIDERS if role != "operations_lead"},
}
"""What waits for a ledger that is away."""
AFTERWARDS: dict[Place, str] = {
    stays("people.refreshed"): State.REFRESHING,
    stays("people.rested"): State.RESTING,
    stays("later.looked_at"): State.CHECKED,
}
"""What begins to wait for a triggerer that is down."""
STILL_ASKED = (
    stays("machine.heals"),
    stays("people.attested"),
    *(decides(ASKS, role) for role in DECIDERS),
)
"""What nobody has answered yet."""
EVENT_STORED = "scheduled"
FORM = stays("people.attested")
"""Whose form is open in Slack all the while."""


def wait_for_ledger(stage: Stage) -> None:
    """Let answers, a no, a pass and a beginning meet a ledger that is away."""
    run, denied = run_of(stage, STAYS, WAITS), run_of(stage, DENIED, GO_NO_GO)
    stage.stop_part("triggerer")
    answer(denied, OMAR, "go_no_go.operations_lead_go", "No go", reason="The cellar is under water.")
    denied.until_state("go_no_go.operations_lead_go", "failed")
    stage.stop_part("scheduler")
    keep_ahead(stage)
    stage.switches.on(run.page("witnessed"))
    stage.start_part("triggerer")
    until_waits(stage, {p: EVENT_STORED for p, s in HELD.items() if s in {State.HEALED, State.DENIED}})
    stage.stop_part("triggerer")
    answer(run, PRIYA, "people.kept", "Approve")
    stage.pad.api().clear(WAITS, STAYS, ["people.begun"], include_downstream=False)
    stage.valve.shut()
    stage.start_part("scheduler")
    until_waits(stage, HELD)
    stage.valve.open()


def wait_for_triggerer(stage: Stage) -> None:
    """Let an approval of old evidence, a round and a first look meet a triggerer that is down."""
    run = run_of(stage, STAYS, WAITS)
    answer(run, ADA, "people.refreshed", "Approve")
    answer(run, PRIYA, "people.first", "Approve")
    answer(run, PRIYA, "people.rested", "Approve")
    until_waits(stage, AFTERWARDS)


def open_form(stage: Stage) -> None:
    """Open the form of a card in Slack, as somebody does who is called away before sending it."""
    screen, pin = Screen(stage.slack_url, PRIYA_IN_SLACK), pin_of(stage, FORM)

    def asked() -> bool:
        card = next((card for card in screen.cards() if pin in card.pins), None)
        if card is None:
            return False
        screen._click(card, REVIEW)
        return pin in screen._modal()

    run_of(stage, STAYS, WAITS).until("the form shows the request", asked)


def pin_of(stage: Stage, place: Place) -> RequestPin:
    """Return what a card and a form name a request by."""
    task = tasks(stage)[place]
    return RequestPin(task_instance_id=task.id, try_number=task.try_number)


def answer_while_down(stage: Stage) -> None:
    """Answer while nothing runs tasks; the guard takes it, and a service heals."""
    run = run_of(stage, STAYS, WAITS)
    stage.stop_part("scheduler")
    answer(run, PRIYA, "people.meanwhile", "Approve")
    answer(run, CARLA, "machine.broken", "Waive", reason="It is taken down in spring.")
    stage.switches.on(run.page("heals"), run.page("looked_at"))


def bring_to_every_wait(stage: Stage) -> Seen:
    """Do all of it, and return what there is before everything stops."""
    begin(stage)
    wait_for_ledger(stage)
    wait_for_triggerer(stage)
    open_form(stage)
    answer_while_down(stage)
    return see(stage, migrated=False)
