"""The whole way: a tap in Slack, the bridge, the plugin in a real api-server, and Airflow's own record."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.slack.bridge.app import serve
from launch_pipeline.slack.messages.button_values import CardLocator, RequestPin
from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from servers.plugin_answers import RHEA
from servers.plugin_server import BRIDGE, an_open_gate
from servers.records import a_result
from servers.slack import slack, until
from servers.slack_bridge import ADA, CHANNEL, OMAR, QUICK, settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from launch_rehearsal.slack_server.base.workspace import Posted
    from launch_rehearsal.slack_server.server import SlackServer
    from servers.plugin_server import Gate, PluginServer

pytestmark = pytest.mark.integration

DAG, SECTION = "week_3_team_preparation", "training"
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)


@pytest.fixture
def gates(server: PluginServer) -> Iterator[list[Gate]]:
    """Give all items of the training section, waiting in a run of their own."""
    run_id = f"run-{uuid.uuid4().hex}"
    tasks = [task_id for task_id in deployed_dags()[DAG].specs if task_id.startswith(f"{SECTION}.")]
    yield [an_open_gate(server.rows, DAG, task_id, run_id) for task_id in tasks]
    server.rows.execute(
        "UPDATE dag_run SET state = 'success', end_date = '2020-01-01' WHERE run_id = %s", run_id
    )


@asynccontextmanager
async def bridge(server: PluginServer) -> AsyncIterator[SlackServer]:
    """Slack's stand-in and a bridge, with its real projection, on the server's own database."""
    async with slack() as standin:
        account = {"user": BRIDGE, "password": server.passwords[BRIDGE], "ledger_dsn": server.rows.dsn}
        stop = asyncio.Event()
        task = asyncio.create_task(serve(settings_for(standin, server.url, **account), stop, timing=QUICK))
        await until(lambda: task.done() or standin.sockets.opened)
        yield standin
        stop.set()
        await task


def messages(standin: SlackServer) -> list[Posted]:
    return standin.workspace.channel(CHANNEL).messages


def card(standin: SlackServer, run_id: str) -> Posted | None:
    """Return the card of a run's section."""
    both = (run_id, APPROVE_MINE)
    return next((m for m in messages(standin) if all(part in str(m.blocks) for part in both)), None)


def needs_only(gate: Gate, owner: str) -> bool:
    """Whether an item asks nothing but this role's approval."""
    item = deployed_dags()[gate.dag_id].specs[gate.task_id].item
    return item.owner == owner and not item.mode.has_checks


def told_to(standin: SlackServer, slack_id: str) -> list[str]:
    """Return what one person alone was told."""
    return [m.text for m in messages(standin) if m.only_for == slack_id]


async def word(standin: SlackServer, slack_id: str) -> Any:
    """Wait for what one person alone is told."""
    return await until(lambda: told_to(standin, slack_id))


def test_tap_is_recorded_in_the_persons_own_name(server: PluginServer, gates: list[Gate]) -> None:
    """Each item is answered by itself; Airflow names the person, and the answer tells that it is Slack's."""

    async def inside() -> None:
        async with bridge(server) as standin:
            posted = await until(lambda: card(standin, gates[0].run_id))
            delivery = await standin.hands.click(OMAR, CHANNEL, posted.ts, APPROVE_MINE)
            assert delivery.acked
            (told,) = await word(standin, OMAR)
            answered = [gate for gate in gates if gate.detail(server.rows)["responded_at"]]
            assert answered == [gate for gate in gates if needs_only(gate, "operations_lead")]
            assert told.count("Approve recorded") == len(answered) >= 5
            # One has checks, too, which have not run here.
            assert told.count("checks of") == 1
            mine = [gate.detail(server.rows) for gate in answered]
            assert {detail["responded_by"]["name"] for detail in mine} == {"omar.operations"}
            assert {detail["params_input"]["via"] for detail in mine} == {"slack"}
            await until(lambda: "Answered" in str(posted.blocks))

    asyncio.run(inside())
    owners = server.rows.execute(
        "SELECT DISTINCT owner FROM log WHERE run_id = %s AND event = 'update_hitl_detail'", gates[0].run_id
    )
    assert owners == [("omar.operations",)]


def test_form_reaches_airflow_word_for_word(server: PluginServer, gates: list[Gate]) -> None:
    """What a person types in Slack is what Airflow has; what is not his is refused by Airflow's own guard."""

    async def inside() -> None:
        async with bridge(server) as standin:
            posted = await until(lambda: card(standin, gates[0].run_id))
            views = standin.workspace.views
            await standin.hands.click(OMAR, CHANNEL, posted.ts, REVIEW)
            await until(lambda: OMAR in views and "submit" in views[OMAR].view)
            forged = views[OMAR].view["private_metadata"]
            reason = "<!channel> nobody was *trained* & it shows"
            assert (await standin.hands.submit(OMAR, {"answer.0": "Reject", "reason.0": reason})).closed
            await word(standin, OMAR)
            detail = gates[0].detail(server.rows)
            assert (detail["chosen_options"], detail["params_input"]["reason"]) == (["Reject"], reason)
            await standin.hands.click(ADA, CHANNEL, posted.ts, REVIEW)
            await until(lambda: ADA in views and "Asking Airflow" not in str(views[ADA].view))
            view = {"type": "modal", "callback_id": "review_submitted", "private_metadata": forged}
            chosen = {"answer.1": {"answer": {"selected_option": {"value": "Approve"}}}}
            payload = {
                **standin.hands.action_payload(ADA, standin.workspace.channel(CHANNEL), posted, {}),
                "type": "view_submission",
                "view": view | {"state": {"values": chosen}},
            }
            assert (await standin.sockets.deliver(payload, answerable=True)).acked
            (told,) = await word(standin, ADA)
            assert "belongs to the Operations Lead" in told
            assert gates[1].detail(server.rows)["responded_at"] is None

    asyncio.run(inside())


def pinned(posted: Posted, *gates: Gate) -> str:
    """Return the value of a card's button, pinned to these gates as they are."""
    elements = [element for block in posted.blocks for element in block.get("elements", [])]
    value = next(e["value"] for e in elements if e.get("action_id") == APPROVE_MINE)
    pins = tuple(RequestPin(task_instance_id=gate.instance, try_number=1) for gate in gates)
    return CardLocator.decode(value).model_copy(update={"pins": pins}).encode()


def test_refusals_say_what_is_wrong_to_whoever_tapped_alone(
    server: PluginServer, gates: list[Gate], caplog: pytest.LogCaptureFixture
) -> None:
    """Not his role, decided by whom, another try, failing checks, a launch that is over: told and logged."""
    plain = [gate for gate in gates if needs_only(gate, "operations_lead")]
    red = next(gate for gate in gates if deployed_dags()[DAG].specs[gate.task_id].item.mode.has_checks)
    evidence = Evidence.of(red.instance, [a_result(verdict=Verdict.FAILED, headline="nobody was there")])
    server.rows.evidence(red.dag_id, red.run_id, red.task_id, evidence.payload())
    run_id = gates[0].run_id
    caplog.set_level("WARNING")

    def decided() -> None:
        assert server.decide(plain[0].request(OMAR)).status_code == 200

    def cleared() -> None:
        server.rows.execute("UPDATE task_instance SET id = %s WHERE id = %s", uuid.uuid4(), plain[1].instance)

    def aborted() -> None:
        Launches(server.rows.dsn).abort(run_id, "priya.product", "we launch in spring")

    steps: list[tuple[str, str, Gate, Callable[[], None], str]] = [
        ("not_your_role", ADA, plain[0], lambda: None, "They wait for: Operations Lead"),
        ("already_decided", RHEA, plain[0], decided, "by Omar Haddad"),
        ("superseded", OMAR, plain[1], cleared, "earlier try"),
        ("checks_not_passed", OMAR, red, lambda: None, "checks have not passed"),
        ("launch_over", OMAR, plain[2], aborted, "This launch is over"),
    ]

    async def inside() -> None:
        async with bridge(server) as standin:
            posted = await until(lambda: card(standin, run_id))
            value_of = {gate.task_id: pinned(posted, gate) for *_, gate, _, _ in steps}
            for code, who, gate, happens, words in steps:
                caplog.clear()
                await asyncio.to_thread(happens)
                before = len(told_to(standin, who))
                value = value_of[gate.task_id]
                await standin.hands.click(who, CHANNEL, posted.ts, APPROVE_MINE, value=value)
                await until(lambda who=who, before=before: len(told_to(standin, who)) > before)
                assert words in told_to(standin, who)[-1], code
                assert "recorded" not in told_to(standin, who)[-1], code
                assert f"Refused {who}" in caplog.text, code
                assert code in caplog.text
            public = " ".join(m.text for m in messages(standin) if m.only_for is None)
            assert not [words for *_, words in steps if words in public]

    asyncio.run(inside())
    answered = server.rows.execute(
        "SELECT task_id FROM hitl_detail JOIN task_instance ON id = ti_id"
        " WHERE run_id = %s AND responded_at IS NOT NULL",
        run_id,
    )
    assert answered == [(plain[0].task_id,)]
    assert "launch_over" in server.log()
