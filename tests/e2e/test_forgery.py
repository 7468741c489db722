"""Attacks by accounts on real components: none makes a launch go on, and no text becomes code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, T_0, preceding
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.schema import EntryKind
from servers.airflow_rest import mark_task
from servers.launches import PHASE, RELEASE, Run

if TYPE_CHECKING:
    from pathlib import Path

    from servers.launches import Launchpad

pytestmark = pytest.mark.integration

ADA, CARLA, PRIYA = "ada.technical", "carla.cto", "priya.product"
PRODUCT = str(1234 * 5678)
FORM = {"previous_release": "0.9.0", "launch_at": "2035-01-01T09:00:00+00:00"}


# ---- text is text -----------------------------------------------------------------------------------


def test_what_a_person_writes_is_never_rendered(launchpad: Launchpad, tmp_path: Path) -> None:
    """Release, reasons, notes and checklist texts arrive everywhere as they were written."""
    mark = tmp_path / "executed"
    code = f"{{{{ macros.uuid.os.system('touch {mark}') }}}}"
    secret = "{{ conn.launch_ledger.password }}"
    reason = f"no: {{{{ 1234 * 5678 }}}} {{% raw %}} {secret} {code}"
    run = launchpad.begin(release=f"1 {code} {{{{ 1234 * 5678 }}}}", previous_release=secret)
    launchpad.api()._request("PATCH", f"/api/v2/dags/{PHASE}/dagRuns/{run.id}", json={"note": reason})
    run.until_waiting("machine.broken")
    run.answer_when_open(PRIYA, "people.attested", "Reject", reason=reason)
    run.answer(ADA, "machine.broken", "Reject", reason=reason)
    run.finish("broken", "attested", "afterwards")
    assert run.until_ended() == "failed"

    seen = everything(run)
    assert PRODUCT not in seen
    assert launchpad.stack.settings.keys().ledger_app_password not in seen
    assert not mark.exists()
    for written in (reason, code, secret):
        assert json.dumps(written)[1:-1] in seen
    for place in (run.entries(EntryKind.DECISION), run.entries(EntryKind.SEAL)):
        assert any(reason in json.dumps(e.content, ensure_ascii=False).replace('\\"', '"') for e in place)


def everything(run: Run) -> str:
    """All that Airflow and the ledger hold of a run, as one text."""
    api = run.pad.api()
    where = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.id}"
    held: list[Any] = [api.dag_run(run.dag_id, run.id), api.task_instances(run.dag_id, run.id)]
    held += api.hitl_details(run.dag_id, run.id, waiting=False)
    for task_id in run.tasks():
        for entry in api._request("GET", f"{where}/taskInstances/{task_id}/xcomEntries")["xcom_entries"]:
            held.append(run.xcom(task_id, entry["key"]))
    held += [entry.content for entry in run.pad.ledger.entries(run.id)]
    return json.dumps(held)


# ---- who may begin, and what opens ------------------------------------------------------------------


def test_phase_that_an_account_begins_is_refused(launchpad: Launchpad) -> None:
    """Not even an administrator's run asks or checks anything, and no launch attaches to it later."""
    conf = {"environment": "e2e", "release": "1.0.0", "release_sha": RELEASE, "started_by": "mallory"}
    forged = Run(launchpad, PHASE, "forged-launch")
    launchpad.api().trigger(PHASE, conf, run_id=forged.id)
    assert forged.until_ended() == "failed"
    assert _states(forged) <= {"failed", "upstream_failed"}
    assert not launchpad.api().hitl_details(PHASE, forged.id, waiting=False)

    form = {"environment": "e2e", "release": "1.0.0", "release_sha": RELEASE, "rehearsal": True, **FORM}
    launchpad.api().trigger(CONDUCTOR, form, run_id=forged.id)
    launch = forged.of(CONDUCTOR)
    launch.until_state(PHASE, "failed")
    assert launchpad.ledger.seal(forged.id, PHASE) is None
    assert Launches(launchpad.stack.settings.ledger_dsn).get(forged.id).started_by == "admin"


def test_steps_that_are_marked_green_open_nothing(launchpad: Launchpad) -> None:
    """Seven steps and go/no-go marked by hand: T-0 is not triggered, and the launch is not complete."""
    launch = launchpad.begin(CONDUCTOR, **FORM)
    launch.until("the first phase runs", lambda: launchpad.api().dag_run(PHASE, launch.id))
    mark(launchpad, launch, *preceding(T_0))
    launch.until_state(T_0, "failed")
    assert launchpad.api().dag_run(T_0, launch.id) is None
    assert launchpad.api().dag_run(GO_NO_GO, launch.id) is None

    # Marked to the end: the last task looks for itself.
    mark(launchpad, launch, *preceding(CONDUCTOR)[len(preceding(T_0)) :])
    launch.until_state("complete", "failed")
    launches = Launches(launchpad.stack.settings.ledger_dsn)
    assert launches.get(launch.id).state is LaunchState.ACTIVE
    assert not launchpad.ledger.entries(launch.id, EntryKind.LAUNCH_ENDED)


def mark(launchpad: Launchpad, launch: Run, *steps: str) -> None:
    """Mark steps of the conductor green, as an administrator, and let what follows run."""
    for step in steps:
        mark_task(launchpad.api(), CONDUCTOR, launch.id, step, "success")
    held_back = [task for task, row in launch.tasks().items() if row["state"] == "upstream_failed"]
    if held_back:
        launchpad.api().clear(CONDUCTOR, launch.id, held_back, include_downstream=False)


def test_approval_that_lies_in_an_xcom_is_a_bypass(launchpad: Launchpad) -> None:
    """An administrator writes a person's approval and marks the item: named, and the phase fails."""
    run = launchpad.begin()
    run.until_waiting("people.attested")
    run.answer_when_open(CARLA, "machine.broken", "Waive", reason="replaced by the green service")
    run.until_state("machine.broken", "skipped")
    record = run.xcom("machine.broken")
    forged = {
        **record,
        "outcome": "approved",
        "item_ref": "pre_launch_requirements.people.attested",
        "task_id": "people.attested",
        "task_instance_id": run.tasks()["people.attested"]["id"],
    }
    path = f"/api/v2/dags/{PHASE}/dagRuns/{run.id}/taskInstances/people.attested/xcomEntries"
    launchpad.api()._request("POST", path, json={"key": "return_value", "value": forged})
    mark_task(launchpad.api(), PHASE, run.id, "people.attested", "success")
    run.finish("broken", "attested")
    assert run.until_ended() == "failed"
    seal = launchpad.ledger.seal(run.id, PHASE)
    assert seal
    assert seal.bypasses == ("pre_launch_requirements.people.attested",)
    assert any("marked success by admin" in problem for problem in seal.problems)


def test_window_whose_wait_is_marked_stays_closed(launchpad: Launchpad) -> None:
    """T-0 is tomorrow: its items wait for themselves, and nobody is asked."""
    run = launchpad.begin(T_0)
    wait = next(task for task in run.tasks() if task.startswith("opens_at_launch_time"))
    run.until_state(wait, "deferred")
    mark_task(launchpad.api(), T_0, run.id, wait, "success")
    first = [name for name, task in run.tasks().items() if "." in name and task["state"] is not None]
    run.until("items have begun", lambda: _states(run) & {"deferred"})
    assert first or _states(run)
    assert not launchpad.api().hitl_details(T_0, run.id, waiting=False)
    assert not run.entries(EntryKind.MACHINE_PASS)
    launchpad.api().set_run_state(T_0, run.id, "failed")


def _states(run: Run) -> set[str]:
    return {str(task["state"]) for name, task in run.tasks().items() if "." in name}
