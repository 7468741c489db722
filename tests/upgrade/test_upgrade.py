"""Airflow is upgraded under launches: what waits keeps waiting, answers count, and nothing is asked twice."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.ledger.schema import EntryKind, Outcome
from launch_pipeline.stack.home import prepare_home
from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.stack import Stack, airflow_version
from servers.launches import PHASE, Launchpad, dags_to_begin
from servers.small_phase import small_include
from servers.stable_stack import settings_of, stable_stack
from servers.switches import Switches, Valve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.launches import Run
    from servers.stable_stack import StableStack

pytestmark = pytest.mark.integration
ADA, PRIYA, CARLA = "ada.technical", "priya.product", "carla.cto"
WEEK_2 = "week_2_infrastructure_setup"
Requests = dict[str, tuple[str, int, str]]
"""By task: task instance, try and time of its latest request."""


@dataclass
class Before:
    """What was under way on the stable Airflow."""

    launch: Run
    """A whole launch: its first phase waits for people and for checks."""
    asked_again: Run
    """A phase whose items were re-checked, and cleared after an answer."""
    answered: Run
    """A phase whose request was answered while nothing could run its task."""
    requests: dict[str, Requests]
    """By run, when the stable Airflow was stopped."""
    version: str


def phase_of(run: Run) -> Run:
    """Return the run of the small phase."""
    return run.of(PHASE)


def requests_of(run: Run) -> Requests:
    """Return the latest request of each task, answered or not."""
    found: Requests = {}
    for one in run.pad.api().hitl_details(PHASE, run.id, waiting=False):
        instance = one["task_instance"]
        found[instance["task_id"]] = (instance["id"], instance["try_number"], one["created_at"])
    return found


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], Switches, Valve]]:
    """Give the settings for both stacks, and the product that their checks ask."""
    home, include = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files") / "include"
    small_include(include)
    port, database_port = free_ports(2)
    with Switches() as switches, Valve(database_port) as valve:
        product = {"conn_type": "http", "host": "127.0.0.1", "port": switches.port}
        prepare_home(home)
        yield (
            {
                "home": str(home),
                "port": port,
                "database_port": database_port,
                "dags_folder": str(dags_to_begin(home / "dags")),
                "contacts": str(include / "contacts.example.yaml"),
                "extra_environment": {
                    "AIRFLOW_CONN_SCRIPTED": json.dumps(product),
                    "LAUNCH_INCLUDE": str(include),
                },
            },
            switches,
            valve,
        )


@pytest.fixture(scope="module")
def before(given: tuple[dict[str, Any], Switches, Valve]) -> Before:
    """Bring launches under way on the stable Airflow, and stop it."""
    settings, switches, valve = given
    pad = Launchpad(Stack(settings_of(settings)), switches, valve)
    with stable_stack(os.environ["LAUNCH_STABLE_PYTHON"], settings) as stable:
        version = pad.api().told("GET", "/api/v2/version").body["version"]
        launch = begin_launch(pad)
        asked_again = ask_again(pad)
        answered = answer_without_scheduler(pad, stable)
        runs = [launch, asked_again, answered]
        requests = {run.id: requests_of(run) for run in runs}
        stable.stop()
    return Before(launch, asked_again, answered, requests, version)


def begin_launch(pad: Launchpad) -> Run:
    """Let a phase of a whole launch wait: one item has passed, the others are asked."""
    launch = pad.begin("launch", previous_release="0.9.0", launch_at="2035-01-01T09:00:00+00:00")
    phase = phase_of(launch)
    phase.until("the phase runs", lambda: pad.api().dag_run(PHASE, launch.id))
    pad.switches.on(phase.page("green"), phase.page("witnessed"))
    phase.until_state("machine.green", "success")
    phase.until_state("people.witnessed", "awaiting_input")
    for task in ("machine.heals", "machine.broken", "people.attested"):
        phase.until_waiting(task)
    return launch


def ask_again(pad: Launchpad) -> Run:
    """Let items of a phase be in their second try: by a re-check, and by a clear after a no."""
    run = pad.begin(name="again")
    run.answer_when_open(ADA, "machine.broken", "Re-check")
    run.until("the second try", lambda: run.tasks()["machine.broken"]["try_number"] == 2)
    run.until_waiting("machine.broken")
    run.answer_when_open(PRIYA, "people.attested", "Reject", reason="half of the team is on holiday")
    # Cleared earlier, the scheduler may overwrite the clear of what comes after it.
    run.until_state("people.afterwards", "upstream_failed")
    pad.api().clear(PHASE, run.id, ["people.attested"], include_downstream=True)
    run.until_waiting("people.attested")
    run.until_waiting("machine.heals")
    return run


def answer_without_scheduler(pad: Launchpad, stable: StableStack) -> Run:
    """Let answers be taken that no worker of this Airflow will see."""
    run = pad.begin(name="answered")
    run.until_waiting("people.attested")
    run.until_waiting("machine.broken")
    stable.kill("scheduler")
    run.answer(PRIYA, "people.attested", "Approve")
    run.answer(CARLA, "machine.broken", "Waive", reason="replaced by the green service")
    return run


@pytest.fixture(scope="module")
def after(given: tuple[dict[str, Any], Switches, Valve], before: Before) -> Iterator[Launchpad]:
    """Start the next Airflow on the same home, which migrates its database."""
    assert before.requests
    settings, switches, valve = given
    with Stack(settings_of(settings)) as stack:
        yield Launchpad(stack, switches, valve)


def moved(run: Run, pad: Launchpad) -> Run:
    """Return the same run on the next Airflow."""
    return type(run)(pad, run.dag_id, run.id)


def test_airflow_is_another_one(before: Before, after: Launchpad) -> None:
    """Otherwise nothing here would be an upgrade."""
    now = after.api().told("GET", "/api/v2/version").body["version"]
    assert (now, before.version != now) == (airflow_version(), True)


def test_requests_wait_as_they_did(before: Before, after: Launchpad) -> None:
    """Each request is the very one that it was: the same try, asked at the same time; no other is there."""
    for run in (before.launch, before.asked_again):
        assert requests_of(moved(run, after)) == before.requests[run.id]
    waiting = {
        one["task_instance"]["task_id"] for one in after.api().hitl_details(PHASE, before.asked_again.id)
    }
    assert {"machine.broken", "machine.heals", "people.attested"} <= waiting


def test_answers_given_before_count_now(before: Before, after: Launchpad) -> None:
    """The next Airflow carries out what the stable one took: in the person's name, once, and asks no more."""
    run = moved(before.answered, after)
    run.until_state("people.attested", "success")
    run.until_state("machine.broken", "skipped")
    kept = {e.item_ref.rpartition(".")[2]: e.record for e in run.entries(EntryKind.DECISION) if e.record}
    people = {name: record.decided_by.airflow_user for name, record in kept.items() if record.decided_by}
    assert people == {"attested": PRIYA, "broken": CARLA}
    assert len(run.entries(EntryKind.DECISION)) == 2
    asked = before.requests[run.id]
    for task in ("people.attested", "machine.broken"):
        # A task that began before the api-server answers is another try, and has no request of its own.
        assert requests_of(run).get(task, asked[task]) == asked[task]


def test_answers_are_taken_for_what_waited(before: Before, after: Launchpad) -> None:
    """An item in its second try takes a waiver; its first try is neither shown nor asked again."""
    run = moved(before.asked_again, after)
    tasks = [t["task_id"] for t in after.api().task_instances(PHASE, run.id)]
    assert len(tasks) == len(set(tasks))
    run.answer(CARLA, "machine.broken", "Waive", reason="replaced by the green service")
    run.until_state("machine.broken", "skipped")
    record = run.record("machine.broken")
    assert record
    assert (record.outcome, record.try_number) == (Outcome.WAIVED, 2)
    # The next re-check and the next clear are tries of the next Airflow.
    run.answer(ADA, "machine.heals", "Re-check")
    run.until("the second try", lambda: run.tasks()["machine.heals"]["try_number"] == 2)
    run.until_waiting("machine.heals")
    run.finish("broken")
    assert run.until_ended() == "success"
    seal = after.ledger.seal(run.id, PHASE)
    assert seal
    assert seal.complete


def test_launch_goes_on_to_its_next_phase(before: Before, after: Launchpad) -> None:
    """Checks that waited heal, people answer what they were asked, the gate seals, the conductor goes on."""
    launch = moved(before.launch, after)
    phase = phase_of(launch)
    asked = requests_of(phase)
    phase.finish()
    launch.until_state(PHASE, "success")
    launch.until_state(WEEK_2, "deferred", "running", "queued")
    seal = after.ledger.seal(launch.id, PHASE)
    assert seal
    assert (seal.complete, seal.bypasses) == (True, ())
    now = requests_of(phase)
    assert {task: now[task] for task in asked} == asked
    assert set(now) - set(asked) == {"people.afterwards"}
