"""What waits in the triggerer: checks, windows, and another role's no."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from launch_pipeline.checks import run as checks_run
from launch_pipeline.orchestration import triggers, windows
from launch_pipeline.orchestration.triggers import DenialTrigger, ItemTrigger
from launch_pipeline.orchestration.windows import OpensOperator, WindowTrigger
from launch_pipeline.record.launches import Launch, Launches
from launch_pipeline.record.schema import Entry, Outcome, read_record
from servers.airflow_task import Task, first_event
from servers.checking import run
from servers.item_tasks import HEALTH, REASON, a_task
from servers.records import a_record, a_seal
from servers.switches import Switches, Valve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.record.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"
SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""


@pytest.fixture
def product(supervisor: Supervisor) -> Iterator[Switches]:
    """Give a product whose /health can be switched on, connected as ``http``."""
    with Switches() as switches:
        supervisor.web("http", switches.port)
        yield switches


def item_trigger(task: Task, **fields: Any) -> ItemTrigger:
    spec = task.operator.spec.payload()  # type: ignore[attr-defined]
    made = ItemTrigger(spec=spec, conf=json.dumps(task.conf), **fields)
    module, _, name = made.serialize()[0].rpartition(".")
    assert (module, name) == (ItemTrigger.__module__, "ItemTrigger")
    made = ItemTrigger(**json.loads(json.dumps(made.serialize()[1])))
    made.task_instance = task.identity
    return made


def event_of(trigger: Any) -> TriggerEvent:
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
    state = task.resume(event.payload, "looked").state
    assert state == ("awaiting_input" if on else "deferred")


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
    "a missing connection is named": ({"checks": [{"http_request": {"conn_id": "shop"}}]}, "not connected: shop"),
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


def test_unreadable_configuration_is_inconclusive(supervisor: Supervisor, product: Switches) -> None:
    """A run that somebody triggered with nonsense does not kill the trigger."""
    product.on("/health")
    event = event_of(item_trigger(a_task(supervisor, mode="check", conf={"environment": [1]})))
    assert event.payload["verdict"] == "inconclusive"


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


def test_nothing_configured_asks(supervisor: Supervisor, product: Switches) -> None:
    """A phase triggered on its own, without any configuration, is a checklist for people."""
    task = a_task(supervisor, mode="check", checks=[{"tls_certificate": {"targets": ["${domain}"]}}])
    task.conf = {}
    event = event_of(item_trigger(task))
    assert event.payload["verdict"] == "inconclusive"
    assert product.asked == []


# ---- windows ----------------------------------------------------------------------------------------


def a_launch(dsn: str, at: datetime) -> Launches:
    launches = Launches(dsn)
    launches.start(
        Launch(
            launch_id=LAUNCH, environment="test", rehearsal=False, release="1.2.0", release_sha="a" * 40,
            launch_at=at, started_by="kim.kubernetes",
        )
    )  # fmt: skip
    return launches


def window(supervisor: Supervisor, launch_at: str = "", **moment: Any) -> WindowTrigger:
    from airflow.sdk import DAG  # noqa: PLC0415

    with DAG("launch_day_t_0", schedule=None):
        operator = OpensOperator(task_id="opens", moment=moment)
    conf = {"environment": "test", "launch_at": launch_at}
    made = WindowTrigger(moment=moment, conf=json.dumps(conf))
    made.task_instance = Task(supervisor, operator, conf=conf).identity
    return made


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting windows look ten times a second."""
    monkeypatch.setattr(windows, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(triggers, "DENIAL_SECONDS", 0.1)


@pytest.mark.parametrize("known", [True, False], ids=["as the ledger says", "as the form says"])
def test_window_opens_at_its_moment(supervisor: Supervisor, ledger: Ledger, dsn: str, known: bool) -> None:
    """Not before, and within a second after."""
    assert ledger is not None
    at = in_seconds(1)
    if known:
        a_launch(dsn, at)
    event = event_of(window(supervisor, "" if known else at.isoformat()))
    assert isinstance(event, TaskSuccessEvent)
    assert (event.xcoms or {})["return_value"] == {"opened": at.isoformat()}
    assert datetime.now(UTC) >= at


def test_window_has_the_pace_of_its_environment(
    supervisor: Supervisor, ledger: Ledger, dsn: str, include: IncludeFolder
) -> None:
    """A rehearsal's two hours are as short as its environment says."""
    assert ledger is not None
    include.environment(hour="500ms")
    at = in_seconds(-3600)
    Launches(dsn)
    event = event_of(window(supervisor, at.isoformat(), offset="2h"))
    opened = datetime.fromisoformat((event.xcoms or {})["return_value"]["opened"])  # type: ignore[attr-defined]
    assert opened == at + timedelta(seconds=1)


@pytest.mark.usefixtures("quick")
def test_window_moves_with_a_postponed_launch(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """The time is read again while it waits: what was postponed does not open at its first time."""
    assert ledger is not None
    first = in_seconds(1.5)
    launches = a_launch(dsn, first)

    async def moved() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor, first.isoformat())))
        await asyncio.sleep(0)
        later = in_seconds(3)
        await asyncio.to_thread(launches.postpone, LAUNCH, later, "ada", REASON)
        event = await asyncio.wait_for(waiting, SOON)
        assert (event.xcoms or {})["return_value"] == {"opened": later.isoformat()}  # type: ignore[attr-defined]
        return event

    assert isinstance(run(moved()), TaskSuccessEvent)


@pytest.mark.usefixtures("quick")
def test_window_of_an_aborted_launch_does_not_open(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """The wait ends at once, and the task fails with the reason."""
    assert ledger is not None
    launches = a_launch(dsn, in_seconds(3600))
    trigger = window(supervisor)

    async def aborted() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(trigger))
        await asyncio.to_thread(launches.abort, LAUNCH, "ada", REASON)
        return await asyncio.wait_for(waiting, SOON)

    event = run(aborted())
    assert event.payload == {"over": "aborted"}
    with pytest.raises(Exception, match="The launch is over"):
        OpensOperator(task_id="opens", moment={}).ended({}, event.payload)  # type: ignore[arg-type]


@pytest.mark.usefixtures("quick")
def test_window_stays_closed_while_the_ledger_is_away(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """Its time may have moved, so it waits for the ledger and opens when it is back."""
    assert ledger is not None
    a_launch(dsn, in_seconds(0.2))
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")

    async def away() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor)))
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert not waiting.done()
            await asyncio.sleep(0.05)
        supervisor.postgres(dsn)
        return await asyncio.wait_for(waiting, SOON)

    assert isinstance(run(away()), TaskSuccessEvent)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("lost", ["the seal cannot be read", "the environment is broken"])
def test_window_after_the_launch_survives_what_it_cannot_read(
    supervisor: Supervisor,
    ledger: Ledger,
    dsn: str,
    include: IncludeFolder,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
) -> None:
    """A trigger that dies would close the window for good; this one looks again."""
    from launch_pipeline.errors import LedgerUnavailable  # noqa: PLC0415

    a_launch(dsn, in_seconds(-1))
    asked: list[str] = []

    async def gone(*_: object) -> None:
        asked.append("seal")
        raise LedgerUnavailable("gone")

    if lost.startswith("the seal"):
        monkeypatch.setattr(windows, "sealed_at", gone)
    else:
        (include.path / "environments" / "test.yaml").write_text("name: [")

    async def back() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor, anchor="launch_time_or_t_0_end")))
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
        monkeypatch.undo() if asked else include.environment()
        return await asyncio.wait_for(waiting, SOON)

    monkeypatch.setenv("LAUNCH_INCLUDE", str(include.path))
    if asked or lost.startswith("the seal"):
        keep = (windows.LOOK_SECONDS, triggers.DENIAL_SECONDS)
        assert keep == (0.1, 0.1)
    if lost.startswith("the seal"):

        async def flaky(*arguments: str) -> datetime | None:
            asked.append("seal")
            if len(asked) < 3:
                raise LedgerUnavailable("gone")
            return None if arguments else None

        monkeypatch.setattr(windows, "sealed_at", flaky)
        event = run(asyncio.wait_for(first_event(window(supervisor, anchor="launch_time_or_t_0_end")), SOON))
    else:
        event = run(back())
    assert isinstance(event, TaskSuccessEvent)
    assert ledger is not None


@pytest.mark.usefixtures("quick")
def test_window_after_the_launch_counts_from_the_later_end(
    supervisor: Supervisor, ledger: Ledger, dsn: str, include: IncludeFolder
) -> None:
    """An hour after the launch time, or after the end of T-0 where that was later."""
    include.environment(hour="1s")
    a_launch(dsn, in_seconds(-3600))
    sealed = in_seconds(0)
    seal = a_seal(launch_id=LAUNCH, dag_id="launch_day_t_0", sealed_at=sealed)
    ledger.append(Entry.of_seal(seal, "gate-1"))
    event = event_of(window(supervisor, anchor="launch_time_or_t_0_end", offset="1h"))
    opened = datetime.fromisoformat((event.xcoms or {})["return_value"]["opened"])  # type: ignore[attr-defined]
    assert opened == sealed + timedelta(seconds=1)


# ---- denial -----------------------------------------------------------------------------------------


def a_no(ledger: Ledger, item: str, outcome: Outcome = Outcome.REJECTED, **fields: Any) -> None:
    name = f"week_1.security.{item}"
    record = a_record(
        launch_id=LAUNCH, dag_id="week_1", item_ref=name, outcome=outcome, task_instance_id=f"ti-{item}", **fields
    )
    ledger.append(Entry.of_record(record))


@pytest.mark.usefixtures("quick")
def test_anothers_no_fires_and_ones_own_and_a_go_do_not(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """Only a no to another item of the same Dag and launch ends the open decision, ledger away or not."""
    trigger = DenialTrigger(ref="week_1.security.tls")
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
    from launch_pipeline.orchestration.ledger_access import denial  # noqa: PLC0415

    a_no(ledger, "ops")
    a_no(ledger, "ops", Outcome.APPROVED, try_number=2)
    assert run(denial(LAUNCH, "week_1", "week_1.security.tls")) is None
    assert supervisor.mistakes == []


def test_valve_is_used_elsewhere() -> None:
    assert Valve
