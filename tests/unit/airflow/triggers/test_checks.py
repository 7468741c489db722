"""What waits in the triggerer: checks, windows, and another role's no."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.hooks.ledger import denial
from launch_pipeline.airflow.policies import openings
from launch_pipeline.airflow.triggers import checks
from launch_pipeline.airflow.triggers.checks import ChecksTrigger, NoGoTrigger
from launch_pipeline.checks.engine import run as checks_run
from launch_pipeline.ledger.schema import Entry, Outcome, read_record
from servers.airflow_task import Task, first_event
from servers.checking import run
from servers.item_tasks import HEALTH, a_task
from servers.records import a_record
from servers.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")
LAUNCH = "shop-1.2"
SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""


@pytest.fixture
def product(supervisor: Supervisor) -> Iterator[Switches]:
    """Give a product whose /health can be switched on, connected as ``http``."""
    with Switches() as switches:
        supervisor.web("http", switches.port)
        yield switches


def item_trigger(task: Task, **fields: Any) -> ChecksTrigger:
    spec = task.operator.spec.payload()
    made = ChecksTrigger(spec=spec, **fields)
    module, _, name = made.serialize()[0].rpartition(".")
    assert (module, name) == (ChecksTrigger.__module__, "ChecksTrigger")
    made = ChecksTrigger(**json.loads(json.dumps(made.serialize()[1])))
    made.task_instance = task.identity
    return made


def event_of(trigger: Any) -> Any:
    return run(asyncio.wait_for(first_event(trigger), SOON))


# ---- checks -----------------------------------------------------------------------------------------


def test_pass_ends_the_task_with_its_record(supervisor: Supervisor, product: Switches) -> None:
    """Green comes with a record of this very task instance."""
    product.on("/health")
    task = a_task(supervisor, mode="check")
    event = event_of(item_trigger(task))
    assert isinstance(event, TaskSuccessEvent)
    record = read_record(json.dumps((event.xcoms or {})["return_value"]))
    assert record is not None
    assert (record.outcome, record.task_instance_id) == (Outcome.PASSED, str(task.id))
    assert (record.environment, record.launch_id, record.task_id) == ("test", LAUNCH, "security.tls")


@pytest.mark.parametrize(
    ("on", "ends", "verdict"),
    [(False, True, "failed"), (False, False, "failed"), (True, False, "passed")],
    ids=["a failing check", "a failing check with approval", "a passing check with approval"],
)
def test_anything_but_a_pass_alone_goes_back_with_its_evidence(
    supervisor: Supervisor, product: Switches, on: bool, ends: bool, verdict: str
) -> None:
    """The task goes on with what was seen; a passing check with approval is not ended."""
    if on:
        product.on("/health")
    task = a_task(supervisor, mode="check" if ends else "check+approval")
    event = event_of(item_trigger(task, ends=ends))
    assert type(event) is TriggerEvent
    assert event.payload["verdict"] == verdict
    assert event.payload["task_instance_id"] == str(task.id)
    state = task.resume(event.payload).state
    assert state == ("awaiting_input" if on else "deferred")


def test_a_pass_of_a_later_try_goes_back(supervisor: Supervisor, product: Switches) -> None:
    """Somebody may have answered the try before: only the task can know."""
    product.on("/health")
    task = a_task(supervisor, mode="check").lost()
    event = event_of(item_trigger(task))
    assert type(event) is TriggerEvent
    assert event.payload["verdict"] == "passed"
    assert isinstance(event_of(item_trigger(task, every=0.01)), TaskSuccessEvent)


def test_rechecks_until_the_product_is_well(supervisor: Supervisor, product: Switches) -> None:
    """The open request heals by itself, and meanwhile people see what is wrong now."""
    task = a_task(supervisor, mode="check")

    async def heals() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(item_trigger(task, every=0.05)))
        while not (task.xcom("evidence") and len(product.asked) > 2):
            assert not waiting.done()
            await asyncio.sleep(0.01)
        product.on("/health")
        return await asyncio.wait_for(waiting, SOON)

    event = run(heals())
    assert isinstance(event, TaskSuccessEvent)
    assert task.xcom("evidence")["verdict"] == "failed"
    assert supervisor.log.count("SetXCom") == 1


def test_rechecks_go_on_where_the_evidence_cannot_be_shown(supervisor: Supervisor, product: Switches) -> None:
    """An api-server that is away for a moment does not end the open request."""
    supervisor.broken = {"SetXCom"}
    task = a_task(supervisor, mode="check")

    async def heals() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(item_trigger(task, every=0.05)))
        while "SetXCom" not in supervisor.log:
            assert not waiting.done()
            await asyncio.sleep(0.01)
        product.on("/health")
        return await asyncio.wait_for(waiting, SOON)

    assert isinstance(run(heals()), TaskSuccessEvent)


INCONCLUSIVE: dict[str, tuple[dict[str, Any], str]] = {
    "a missing connection is named": (
        {"checks": [{"http_request": {"conn_id": "shop"}}]}, "not connected: shop"),
    "a missing variable is named": ({"checks": [{"http_request": {"path": "/${nothing}"}}]}, "nothing"),
    "side effects are not allowed here": (
        {"checks": [HEALTH], "side_effects": ["generates load"]}, "does not allow them"),
}  # fmt: skip


@pytest.mark.parametrize(("item", "words"), INCONCLUSIVE.values(), ids=INCONCLUSIVE)
def test_what_nobody_could_find_out_is_never_a_pass(
    supervisor: Supervisor, product: Switches, item: dict[str, Any], words: str
) -> None:
    """Inconclusive goes back as a question that says what is missing."""
    product.on("/health")
    event = event_of(item_trigger(a_task(supervisor, mode="check", **item)))
    assert event.payload["verdict"] == "inconclusive"
    assert words in event.payload["results"][0]["headline"]


@pytest.mark.parametrize("broken", ["name: [", "name: test\nhours: 1h\n", None])
def test_broken_environment_is_inconclusive_with_file_and_fix(
    supervisor: Supervisor, product: Switches, include: IncludeFolder, broken: str | None
) -> None:
    """Each item says which file is broken and what to write, and no trigger dies of it."""
    path = include.path / "environments" / "test.yaml"
    path.unlink() if broken is None else path.write_text(broken)
    product.on("/health")
    event = event_of(item_trigger(a_task(supervisor, mode="check")))
    assert event.payload["verdict"] == "inconclusive"
    assert "test.yaml" in event.payload["results"][0]["headline"]
    assert "Fix:" in event.payload["results"][0]["headline"]


def test_bug_in_an_observer_is_inconclusive(
    supervisor: Supervisor, product: Switches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours asks a person and names itself."""

    async def bug(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(checks_run, "observer", lambda _kind: bug)
    event = event_of(item_trigger(a_task(supervisor, mode="check")))
    assert event.payload["verdict"] == "inconclusive"
    assert "internal error in kind http_request" in event.payload["results"][0]["headline"]
    assert product.asked == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting triggers look ten times a second."""
    monkeypatch.setattr(openings, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(checks, "DENIAL_SECONDS", 0.1)


# ---- denial -----------------------------------------------------------------------------------------


def a_no(ledger: Ledger, item: str, outcome: Outcome = Outcome.REJECTED, **fields: Any) -> None:
    name = f"week_1.security.{item}"
    record = a_record(
        launch_id=LAUNCH,
        dag_id="week_1",
        item_ref=name,
        outcome=outcome,
        task_instance_id=f"ti-{item}",
        **fields,
    )
    ledger.append(Entry.of_record(record))


@pytest.mark.usefixtures("quick")
def test_anothers_no_fires_and_ones_own_and_a_go_do_not(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """Only a no to another item of the same Dag and launch ends the open decision, ledger away or not."""
    trigger = NoGoTrigger(ref="week_1.security.tls")
    trigger.task_instance = a_task(supervisor, gate="decision", owner="cto").identity
    a_no(ledger, "tls")
    a_no(ledger, "go", Outcome.APPROVED)
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")

    async def denied() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(trigger))
        await asyncio.wait([waiting], timeout=0.5)
        supervisor.postgres(dsn)
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
        await asyncio.to_thread(a_no, ledger, "ops")
        return await asyncio.wait_for(waiting, SOON)

    assert run(denied()).payload == {"denied_by": "Ada Lindqvist"}


def test_a_no_that_was_taken_back_does_not_deny(supervisor: Supervisor, ledger: Ledger) -> None:
    """The latest decision of an item counts: after a clear the Go replaces the No."""
    a_no(ledger, "ops")
    a_no(ledger, "ops", Outcome.APPROVED, try_number=2)
    assert run(denial(LAUNCH, "week_1", "week_1.security.tls")) is None
    assert supervisor.mistakes == []
