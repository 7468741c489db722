"""What a rehearsal sees from outside: every Dag's items, by few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.hooks.rest_client import AirflowApi
from launch_rehearsal.actors.watch import CONDUCTOR, Watch, load_plans
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.plan import DagPlan

RUN = "REHEARSAL-1"
WEEK = "week_1_pre_launch_requirements"
RUNS = "/api/v2/dags/~/dagRuns"


def tasks_of(dag_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{RUN}/taskInstances"


def runs(**states: str) -> dict[str, Any]:
    found = [{"dag_id": dag_id, "dag_run_id": RUN, "state": state} for dag_id, state in states.items()]
    return {"dag_runs": found, "total_entries": len(found)}


def tasks(**states: str) -> dict[str, Any]:
    found = [{"task_id": name.replace("__", "."), "state": state} for name, state in states.items()]
    return {"task_instances": found, "total_entries": len(found)}


@pytest.fixture(scope="module")
def plans() -> dict[str, DagPlan]:
    return load_plans()


@pytest.fixture
def server() -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as running:
        yield running.reply("POST", "/auth/token", (201, {"access_token": "t"}))


@pytest.fixture
def watch(server: ScriptedHttp, plans: dict[str, DagPlan]) -> Watch:
    return Watch(AirflowApi(server.url, "admin", "secret"), RUN, plans)


def test_nothing_has_begun(server: ScriptedHttp, watch: Watch, plans: dict[str, DagPlan]) -> None:
    """Before the first run every Dag of the plan is shown with its number of items and no state."""
    server.reply("GET", RUNS, runs())
    view = watch.look()
    assert not view.over
    assert {dag.dag_id: dag.total for dag in view.dags} == {d: len(p.items) for d, p in plans.items()}
    assert {dag.state for dag in view.dags} == {"none"}


def test_items_are_counted_and_who_is_asked_is_known(
    server: ScriptedHttp, watch: Watch, plans: dict[str, DagPlan]
) -> None:
    """Ended items count as done, waiting ones as asked; the gate and other tasks are no items."""
    one, two, three = (item.task_id for item in plans[WEEK].items[:3])
    server.reply("GET", RUNS, runs(**{CONDUCTOR: "running", WEEK: "running"}))
    states = {one: "success", two: "failed", three: "awaiting_input", "phase_gate": "success"}
    found = [{"task_id": name, "state": state} for name, state in states.items()]
    server.reply("GET", tasks_of(WEEK), {"task_instances": found, "total_entries": 4})
    (week,) = [dag for dag in watch.look().dags if dag.dag_id == WEEK]
    assert (week.state, week.done, week.failed, week.asked) == ("running", 2, 1, (three,))


def test_a_run_that_ended_is_not_asked_again(server: ScriptedHttp, watch: Watch) -> None:
    """The last look at an ended run is the last request about it; one that runs again is asked again."""
    server.reply("GET", RUNS, *[runs(**{WEEK: state}) for state in ("running", "success", "success")])
    server.reply("GET", tasks_of(WEEK), tasks())
    for _ in range(3):
        watch.look()
    assert len(server.seen("GET", tasks_of(WEEK))) == 2
    server._replies["GET", RUNS] = [runs(**{WEEK: "running"})]
    assert watch.look().state_of(WEEK) == "running"
    assert len(server.seen("GET", tasks_of(WEEK))) == 3


def test_from_afar_items_are_counted_only_when_a_run_changes(
    server: ScriptedHttp, plans: dict[str, DagPlan]
) -> None:
    """Where nobody looks at bars, a running phase costs no request about its items."""
    watch = Watch(AirflowApi(server.url, "admin", "secret"), RUN, plans, closely=False)
    states = ("queued", "running", "running", "running", "failed", "running", "success")
    server.reply("GET", RUNS, *[runs(**{WEEK: state}) for state in states])
    server.reply("GET", tasks_of(WEEK), tasks())
    server.reply("GET", tasks_of(CONDUCTOR), tasks())
    assert [watch.look().state_of(WEEK) for _ in states] == list(states)
    assert len(server.seen("GET", tasks_of(WEEK))) == 5


def test_conductor_is_asked_only_while_something_has_failed(server: ScriptedHttp, watch: Watch) -> None:
    """Its steps matter to the operator alone, who acts on what failed; all other looks save the request."""
    server.reply("GET", RUNS, *[runs(**{CONDUCTOR: "running", WEEK: s}) for s in ("running", "failed")])
    server.reply("GET", tasks_of(WEEK), tasks())
    server.reply("GET", tasks_of(CONDUCTOR), tasks(**{WEEK: "failed"}))
    assert watch.look().conductor_step(WEEK) == "none"
    assert server.seen("GET", tasks_of(CONDUCTOR)) == []
    assert watch.look().conductor_step(WEEK) == "failed"


def test_launch_is_over_when_the_conductor_has_ended(server: ScriptedHttp, watch: Watch) -> None:
    """Success and failure both end it."""
    server.reply("GET", RUNS, *[runs(**{CONDUCTOR: state}) for state in ("running", "success", "failed")])
    server.reply("GET", tasks_of(CONDUCTOR), tasks())
    assert [watch.look().over for _ in range(3)] == [False, True, True]


def test_every_item_has_its_place(watch: Watch, server: ScriptedHttp, plans: dict[str, DagPlan]) -> None:
    """The operator finds the task of any item by its ref."""
    server.reply("GET", RUNS, runs())
    item = plans[WEEK].items[0]
    view = watch.look()
    assert view.place_of(item.ref) == (WEEK, item.task_id)
    assert view.place_of("no.such.item") is None
