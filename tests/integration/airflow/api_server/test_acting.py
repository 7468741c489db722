"""After Airflow said yes: whether the answer was really taken, on the rows of a real database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow import settings

from launch_pipeline.airflow.api_server.bridge import delegated_answers as acting_module
from launch_pipeline.airflow.api_server.bridge.accounts import Account
from launch_pipeline.airflow.api_server.bridge.delegated_answers import DelegatedAnswers
from launch_pipeline.airflow.api_server.database import ApiDatabase
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.protocol import Decided, DecideRequest
from servers.airflow_database import GateRows, sqlalchemy_url
from servers.plugin_server import an_item, an_open_gate, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers.include_folder import IncludeFolder
    from servers.plugin_server import Gate

pytestmark = pytest.mark.integration
OMAR = "U0LAUNCH03"
ANSWERED = """
    UPDATE hitl_detail SET responded_at = now(), responded_by = %s, chosen_options = %s WHERE ti_id = %s
"""
MOVED = "UPDATE task_instance SET state = %s WHERE id = %s"


class OmarsAccount(Account):
    """An account whose token nobody checks: Airflow is the test's own here."""

    def token(self) -> str:
        """Give any text."""
        return "token"


@pytest.fixture
def database(
    airflow_dsn: str, include: IncludeFolder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ApiDatabase]:
    """Give the reading side of a database in which everybody has an account."""
    assert include
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", sqlalchemy_url(airflow_dsn))
    monkeypatch.setenv("AIRFLOW_CONN_LAUNCH_LEDGER", sqlalchemy_url(airflow_dsn, "postgresql"))
    monkeypatch.setattr(acting_module, "account", lambda name: OmarsAccount(name, None))
    made = ApiDatabase()
    yield made
    made.close()


@pytest.fixture
def gate(airflow_dsn: str, database: ApiDatabase) -> Gate:
    """Give an approval that the operations lead answers."""
    assert database
    item = an_item(owner="operations_lead", mode="approval", gate="approval")
    return an_open_gate(GateRows(airflow_dsn), *item)


class Airflow:
    """The running api-server: does something to the rows, then replies."""

    def __init__(self, status: int, does: Callable[[], object], body: Any = None) -> None:
        self.status = status
        self.does = does
        self.body = body
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.scopes.append(scope)
        await asyncio.to_thread(self.does)
        if self.status == 0:
            raise RuntimeError("it broke")
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(self.body).encode()})


def decided(database: ApiDatabase, gate: Gate, airflow: Airflow) -> Decided | AnswerRefused:
    request = DecideRequest.model_validate(gate.request(OMAR))
    try:
        return asyncio.run(DelegatedAnswers(database).decide(request, airflow))
    except AnswerRefused as refused:
        return refused


def taken(rows: GateRows, gate: Gate, user: str = "omar.operations", option: str = "Approve") -> None:
    """Take an answer, as Airflow does."""
    by = {"id": user, "name": user}
    rows.execute(ANSWERED, json.dumps(by), json.dumps([option]), gate.instance)
    rows.execute(MOVED, "scheduled", gate.instance)


def test_yes_counts_where_the_rows_say_so(airflow_dsn: str, database: ApiDatabase, gate: Gate) -> None:
    """The answer is the person's, and the scope says how it came and for which try."""
    airflow = Airflow(200, lambda: taken(GateRows(airflow_dsn), gate))
    assert decided(database, gate, airflow) == Decided(person="Omar Haddad", answer="Approve")
    (scope,) = airflow.scopes
    assert (scope["path"], scope["method"]) == (gate.path, "PATCH")
    assert (b"authorization", b"Bearer token") in scope["headers"]


@pytest.mark.parametrize("status", [0, 500, 502])
def test_answer_that_was_taken_before_airflow_broke_is_taken(
    airflow_dsn: str, database: ApiDatabase, gate: Gate, status: int
) -> None:
    """No decision is lost for a reply that was."""
    airflow = Airflow(status, lambda: taken(GateRows(airflow_dsn), gate))
    assert decided(database, gate, airflow) == Decided(person="Omar Haddad", answer="Approve")


def by_hand(rows: GateRows, gate: Gate) -> None:
    taken(rows, gate)
    rows.execute(MOVED, "success", gate.instance)


def cleared(rows: GateRows, gate: Gate) -> None:
    rows.next_try(gate.instance)


def healed(rows: GateRows, gate: Gate) -> None:
    taken(rows, gate)
    rows.execute(MOVED, "success", gate.instance)
    recorded(rows, gate)


def nothing(rows: GateRows, gate: Gate) -> None:
    del rows, gate


def of_another(rows: GateRows, gate: Gate) -> None:
    taken(rows, gate, "rhea.operations")


def of_his_own(rows: GateRows, gate: Gate) -> None:
    taken(rows, gate, "omar.operations", "Reject")


OVERTAKEN: dict[str, tuple[Callable[[GateRows, Gate], None], str]] = {
    "nothing happened": (nothing, "not_taken"),
    "marked success by hand at the same moment": (by_hand, "not_waiting"),
    "cleared at the same moment": (cleared, "superseded"),
    "healed at the same moment": (healed, "already_decided"),
    "somebody else's answer stands": (of_another, "already_decided"),
    "another answer of his own stands": (of_his_own, "already_decided"),
}


@pytest.mark.parametrize(("does", "code"), OVERTAKEN.values(), ids=OVERTAKEN)
def test_yes_of_airflow_alone_is_none(
    airflow_dsn: str, database: ApiDatabase, gate: Gate, does: Callable[[GateRows, Gate], None], code: str
) -> None:
    """Airflow says 200 to all of these; the person is told what really stands."""
    answer = decided(database, gate, Airflow(200, lambda: does(GateRows(airflow_dsn), gate)))
    assert isinstance(answer, AnswerRefused)
    assert answer.code == code


REPLIES: dict[str, tuple[int, Any, str, int]] = {
    "the guard": (403, {"detail": "No.", "code": "not_your_role"}, "not_your_role", 403),
    "no right": (403, {"detail": "Forbidden"}, "no_permission", 403),
    "gone": (404, {"detail": "not found"}, "unknown_item", 404),
    "option unknown to Airflow": (400, {"detail": "Invalid options"}, "unreadable_answer", 400),
    "a list of complaints": (422, {"detail": [{"loc": ["body"]}]}, "unreadable_answer", 422),
    "too long": (413, {"detail": "An answer has at most 9 bytes.", "code": ""}, "unreadable_answer", 413),
    "token not taken": (401, {"detail": "Token Expired"}, "airflow", 503),
    "conflict": (409, {"detail": "already"}, "busy", 409),
    "no JSON object": (500, ["x"], "airflow", 503),
    "ledger away": (503, {"detail": "Away.", "code": "ledger"}, "ledger", 503),
}


@pytest.mark.parametrize(("status", "body", "code", "told"), REPLIES.values(), ids=REPLIES)
def test_every_no_of_airflow_has_words_and_a_code(
    database: ApiDatabase, gate: Gate, status: int, body: Any, code: str, told: int
) -> None:
    """What the guard said is kept word for word; the rest says what to mend."""
    refused = decided(database, gate, Airflow(status, lambda: None, body))
    assert isinstance(refused, AnswerRefused)
    assert (refused.code, getattr(refused, "status", None)) == (code, told)
    assert len(refused.reason) > 2
