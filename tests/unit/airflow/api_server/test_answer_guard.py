"""The guard as ASGI: what it lets through untouched, what it refuses, and what it hands on."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.api_server.answers.answer_guard import (
    ACCOUNT_AT_ONCE,
    ACCOUNT_MOST,
    MAX_BODY,
    PIN,
    AnswerGuard,
)
from launch_pipeline.airflow.api_server.answers.request_key import SignedIn
from launch_pipeline.errors import AnswerRefused, ConfigurationError, LedgerUnavailable
from launch_pipeline.slack.messages.button_values import RequestPin
from servers.item_tasks import a_spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/api/v2/dags/week_1/dagRuns/shop-1.2/taskInstances/security.tls/-1/hitlDetails"
APPROVE = {"chosen_options": ["Approve"], "params_input": {"reason": "fine"}}
BEARER = [
    (b"authorization", b"Bearer t"),
    (b"content-type", b"application/json"),
    (b"content-length", b"999"),
]
COOKIE = [(b"cookie", b"_token=t")]


class FakeRequests:
    """Requests of one Dag in memory; a locked gate is busy, as with PostgreSQL's advisory locks."""

    def __init__(self) -> None:
        self.signed_in: SignedIn | None = SignedIn("sven.security", "sven.security")
        self.settle: list[float] = []
        self.error: Exception | None = None
        self.answered = False
        self.held: set[Any] = set()
        self.did: list[str] = []
        self.not_theirs: Exception | None = None
        self.judged: list[Any] = []
        self.kept: list[tuple[str, str, str]] = []
        self.digest = ""
        self.keys: list[Any] = []

    async def spec(self, key: Any) -> Any:
        self.keys.append(key)
        return a_spec() if (key.dag_id, key.task_id) == ("week_1", "security.tls") else None

    async def user(self, _scope: Any) -> SignedIn | None:
        return self.signed_in

    async def settle_seconds(self, _key: Any) -> float:
        self.did.append("settle" if not self.held else "settle again")
        return self.settle.pop(0) if self.settle else 0.0

    @asynccontextmanager
    async def alone(self, key: Any) -> AsyncIterator[bool]:
        self.did.append("lock")
        free = key not in self.held
        self.held.add(key)
        try:
            yield free
        finally:
            if free:
                self.held.discard(key)

    async def check_answerer(self, _asked: Any) -> None:
        self.did.append("who")
        if self.not_theirs:
            raise self.not_theirs

    async def check_answer(self, asked: Any) -> str:
        self.did.append("check")
        self.judged.append(asked)
        if self.error:
            raise self.error
        if self.answered:
            raise AnswerRefused("not_waiting", "This item is not waiting for an answer now.")
        return self.digest

    def append_refused(self, asked: Any, code: str, sentence: str) -> None:
        self.kept.append((asked.user, code, sentence))


class Airflow:
    """The application behind the guard: notes what it is given and streams a reply."""

    def __init__(self, requests: FakeRequests | None = None) -> None:
        self.requests = requests
        self.received: list[tuple[dict[str, Any], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", scope["type"] == "http"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.received.append((scope, body))
        await asyncio.sleep(0.01)
        if self.requests:
            self.requests.answered = True
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})


class Client:
    """Sends one request and keeps what comes back."""

    def __init__(self, *chunks: bytes | None) -> None:
        self.chunks = list(chunks)
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        if not self.chunks:
            await asyncio.Event().wait()
        chunk = self.chunks.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> Any:
        return json.loads(b"".join(each.get("body", b"") for each in self.sent[1:]))


def scope(
    path: str = PATH, method: str = "PATCH", headers: Any = BEARER, kind: str = "http"
) -> dict[str, Any]:
    return {"type": kind, "method": method, "path": path, "headers": list(headers), "query_string": b""}


def ask(requests: FakeRequests, body: Any = APPROVE, **of_scope: Any) -> tuple[Client, Airflow]:
    """Send one request through the guard."""
    app = Airflow()
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(raw[:7], raw[7:])
    guard: Any = AnswerGuard(app, requests)  # type: ignore[arg-type]
    asyncio.run(asyncio.wait_for(guard(scope(**of_scope), client.receive, client.send), 5))
    return client, app


FOREIGN: dict[str, dict[str, Any]] = {
    "another method": {"method": "GET"},
    "a lower-case method is none of Airflow's": {"method": "patch"},
    "another resource": {"path": PATH.replace("hitlDetails", "xcomEntries")},
    "a past try": {"path": PATH + "/tries/1"},
    "somebody else's Dag": {"path": PATH.replace("week_1", "billing")},
    "a task that is no item": {"path": PATH.replace("security.tls", "phase_gate")},
    "a map index that is no number": {"path": PATH.replace("/-1/", "/first/")},
    "a websocket": {"kind": "websocket"},
    "the start of the server": {"kind": "lifespan"},
}


@pytest.mark.parametrize("of_scope", FOREIGN.values(), ids=FOREIGN)
def test_everything_else_passes_untouched(of_scope: dict[str, Any]) -> None:
    """The very scope, receive and send reach Airflow: streams and large bodies as well."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.append(arguments)

    given, client = scope(**of_scope), Client()
    asyncio.run(AnswerGuard(app, FakeRequests())(given, client.receive, client.send))  # type: ignore[arg-type]
    assert seen == [(given, client.receive, client.send)]


@pytest.mark.parametrize("written", ["-1", "-1.0", " -1", "-01", "-1\n", "-1.00"])
def test_every_way_to_write_the_map_index_is_guarded(written: str) -> None:
    """Airflow's route takes '-1.0' for -1; so does the guard, or it would be a way past it."""
    requests = FakeRequests()
    requests.error = AnswerRefused("not_your_role", "No.")
    client, app = ask(requests, path=PATH.replace("/-1/", f"/{written}/"))
    assert client.status == 403
    assert app.received == []
    assert requests.keys[0].map_index == -1


def test_path_is_not_decoded_twice() -> None:
    """The server has decoded it: a run whose name holds '%41' is not the run 'A'."""
    requests = FakeRequests()
    ask(requests, path=PATH.replace("shop-1.2", "shop%41"))
    assert requests.keys[0].run_id == "shop%41"


def test_path_below_a_base_url_is_guarded() -> None:
    """Airflow may live below a path of its own."""
    requests = FakeRequests()
    ask(requests, path="/airflow" + PATH)
    assert requests.judged


def test_good_answer_reaches_airflow_once_judged() -> None:
    """Who asks first, then settle, lock and judgement, and Airflow's reply comes back whole."""
    requests = FakeRequests()
    client, app = ask(requests)
    assert requests.did == ["who", "settle", "lock", "settle again", "check"]
    (asked,) = requests.judged
    assert (asked.option, asked.fields, asked.user) == ("Approve", {"reason": "fine"}, "sven.security")
    assert [each.get("body") for each in client.sent] == [None, b"one", b"two"]
    ((seen, body),) = app.received
    assert dict(seen["headers"])[b"content-length"] == str(len(body)).encode()
    assert requests.held == set()


@pytest.mark.parametrize(
    ("headers", "via"), [(BEARER, "api"), (COOKIE, "airflow_ui")], ids=["token", "cookie"]
)
def test_way_in_is_stamped_by_the_guard(headers: Any, via: str) -> None:
    """Scripts send a token, the UI its session's cookie."""
    _, app = ask(FakeRequests(), headers=headers)
    assert json.loads(app.received[0][1]) == {
        "chosen_options": ["Approve"], "params_input": {"reason": "fine", "via": via}}  # fmt: skip


def test_account_is_stamped_where_its_id_is_another_word() -> None:
    """FAB has numbers: user name and number go along, so that the task knows whose answer it is."""
    requests = FakeRequests()
    requests.signed_in = SignedIn("sven.security", "7")
    _, app = ask(requests)
    stamped = {"reason": "fine", "via": "api", "user": "sven.security", "user_id": "7"}
    assert json.loads(app.received[0][1])["params_input"] == stamped


REFUSED: dict[str, tuple[Any, int, str]] = {
    "not JSON": (b"approve!", 400, "not JSON"),
    "not text": (b"\xff\xfe\x00", 400, "not JSON"),
    "nested without end": (b"[" * 60_000, 400, "not JSON"),
    "too big": ({**APPROVE, "x": "y" * MAX_BODY}, 413, "at most"),
    "no object": (["Approve"], 422, "one option"),
    "no option": ({"chosen_options": []}, 422, "one option"),
    "two options": ({"chosen_options": ["Approve", "Reject"]}, 422, "one option"),
    "an option that is no list": ({"chosen_options": "Approve"}, 422, "one option"),
    "fields that are no object": ({"chosen_options": ["Approve"], "params_input": ["x"]}, 422, "one option"),
    "unknown fields": ({"chosen_options": ["Approve"], "params_input": {"b": 1, "a": 2}}, 422, "a, b"),
    "evidence that is no digest": (
        {"chosen_options": ["Approve"], "params_input": {"evidence": "the green one"}}, 422, "digest"),
    "evidence by too few digits": (
        {"chosen_options": ["Approve"], "params_input": {"evidence": "ab12"}}, 422, "12 or more"),
    "a way in of one's own": (
        {"chosen_options": ["Approve"], "params_input": {"via": "slack"}}, 422, "Unknown fields: via"),
    "an account that is not the guard's to say": (
        {"chosen_options": ["Approve"], "params_input": {"user": "carla.cto", "user_id": "7"}}, 422,
        "Unknown fields: user, user_id"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_answer_is_refused_with_the_form(body: Any, status: int, words: str) -> None:
    """The reply is JSON and says what to send; Airflow hears nothing and nothing is locked."""
    requests = FakeRequests()
    client, app = ask(requests, body)
    assert client.status == status
    assert words in client.body["detail"]
    assert app.received == []
    assert requests.did == []


JUDGED: dict[str, tuple[Exception, int, str]] = {
    "not waiting": (AnswerRefused("not_waiting", "Not now."), 409, "not_waiting"),
    "other evidence": (AnswerRefused("evidence_changed", "Now red."), 409, "evidence_changed"),
    "launch over": (AnswerRefused("launch_over", "Over."), 409, "launch_over"),
    "wrong role": (AnswerRefused("not_your_role", "Not yours."), 403, "not_your_role"),
    "nobody": (AnswerRefused("unknown_person", "Who?"), 403, "unknown_person"),
    "has left": (AnswerRefused("inactive", "Left."), 403, "inactive"),
    "no reason": (AnswerRefused("reason_missing", "Why?"), 422, "reason_missing"),
    "failing checks": (AnswerRefused("checks_not_passed", "Red."), 422, "checks_not_passed"),
    "ledger down": (LedgerUnavailable("It is away."), 503, "ledger"),
    "broken contacts": (
        ConfigurationError("contacts.yaml", "", "is broken.", "mend it."),
        503,
        "configuration",
    ),
}


@pytest.mark.parametrize(("error", "status", "code"), JUDGED.values(), ids=JUDGED)
def test_answer_that_does_not_count_is_refused_before_it_is_spent(
    error: Exception, status: int, code: str
) -> None:
    """Status and code say which rule; the sentence is the rule's own; the lock is given back."""
    requests = FakeRequests()
    requests.error = error
    client, app = ask(requests)
    assert (client.status, client.body["code"]) == (status, code)
    assert str(error) in client.body["detail"]
    assert app.received == []
    assert requests.held == set()
    assert requests.kept == [("sven.security", code, client.body["detail"])]


@pytest.mark.parametrize(("error", "status", "code"), JUDGED.values(), ids=JUDGED)
def test_who_cannot_count_is_refused_before_any_wait_or_lock(
    error: Exception, status: int, code: str
) -> None:
    """It costs nobody else anything: no settling, no place, no lock; and it is kept."""
    requests = FakeRequests()
    requests.not_theirs = error
    client, app = ask(requests)
    assert (client.status, client.body["code"]) == (status, code)
    assert requests.did == ["who"]
    assert app.received == []
    assert requests.kept == [("sven.security", code, client.body["detail"])]


DIGEST = "sha256:" + "ab12" * 16
PINNED = {"nothing": None, "the digest": DIGEST, "its digits": "ab12" * 16, "their begin": "ab12ab12ab12"}


@pytest.mark.parametrize("named", PINNED.values(), ids=PINNED)
def test_evidence_is_stamped_by_the_guard(named: str | None) -> None:
    """A client may pin what it saw; what the task is told is what the guard found, whole."""
    requests = FakeRequests()
    requests.digest = DIGEST
    fields = {"reason": "fine", "evidence": named}
    _, app = ask(requests, {"chosen_options": ["Approve"], "params_input": fields})
    assert requests.judged[0].evidence == named
    stamped = {"reason": "fine", "via": "api", "evidence": DIGEST}
    assert json.loads(app.received[0][1])["params_input"] == stamped


def test_pin_of_the_plugin_comes_before_a_field() -> None:
    """What the bridge showed is in the scope, which no client writes; a field cannot change it."""
    requests, app = FakeRequests(), Airflow()
    body = {"chosen_options": ["Approve"], "params_input": {"evidence": "ab12" * 3}}
    client = Client(json.dumps(body).encode())

    async def pin(_key: Any) -> RequestPin:
        return RequestPin(task_instance_id="ti", try_number=1)

    requests.pin = pin  # type: ignore[attr-defined]
    guard: Any = AnswerGuard(app, requests)  # type: ignore[arg-type]
    asyncio.run(
        guard({**scope(), PIN: RequestPin(task_instance_id="ti", try_number=1)}, client.receive, client.send)
    )
    assert client.status == 200
    assert requests.judged[0].evidence == ""


def test_account_with_too_many_answers_is_sent_away() -> None:
    """Few at work, some waiting, and beyond that 429 with the seconds; other accounts notice nothing."""
    requests, app = FakeRequests(), Airflow()
    guard: Any = AnswerGuard(app, requests)  # type: ignore[arg-type]
    at_work, most, open_ = 0, 0, asyncio.Event()

    async def check_answerer(asked: Any) -> None:
        nonlocal at_work, most
        if asked.user == "sven.security":
            at_work, most = at_work + 1, max(most, at_work + 1)
            await open_.wait()
            at_work -= 1

    async def user(of: Any) -> SignedIn:
        return SignedIn(str(of["who"]))

    requests.check_answerer, requests.user = check_answerer, user  # type: ignore[assignment,method-assign]

    def send(number: int, who: str) -> tuple[Client, Any]:
        client = Client(json.dumps(APPROVE).encode())
        given = scope(path=PATH.replace("shop-1.2", f"shop-{number}")) | {"who": who}
        return client, asyncio.ensure_future(guard(given, client.receive, client.send))

    async def all_at_once() -> list[Client]:
        crowd = [send(number, "sven.security") for number in range(ACCOUNT_MOST)]
        await asyncio.sleep(0)
        more, other = send(998, "sven.security"), send(999, "selma.officer")
        await asyncio.gather(more[1], other[1])
        open_.set()
        await asyncio.gather(*(task for _, task in crowd))
        return [more[0], other[0], *(client for client, _ in crowd)]

    more, other, *crowd = asyncio.run(asyncio.wait_for(all_at_once(), 10))
    assert (more.status, more.body["code"]) == (429, "too_many")
    assert int(dict(more.sent[0]["headers"])[b"retry-after"]) > 0
    assert other.status == 200
    assert {client.status for client in crowd} == {200}
    assert most == ACCOUNT_AT_ONCE


def test_gate_that_stays_busy_refuses() -> None:
    """Somebody has been answering all the while: the person is told to look again."""
    requests = FakeRequests()
    guard_key = ("week_1", "shop-1.2", "security.tls", -1)
    requests.held.add(guard_key)
    client, app = ask(requests)
    assert (client.status, client.body["code"]) == (409, "busy")
    assert app.received == []
    assert guard_key in requests.held


def test_settle_waits_before_the_lock() -> None:
    """The wait holds nothing, so that it starves nobody."""
    requests = FakeRequests()
    requests.settle = [0.2]
    began = time.monotonic()
    client, _ = ask(requests)
    assert time.monotonic() - began >= 0.2
    assert requests.did[: requests.did.index("lock")] == ["who", "settle", "settle"]
    assert client.status == 200


def test_gate_that_was_opened_anew_meanwhile_is_not_answered_too_early() -> None:
    """Under the lock it is looked again how long the task has been waiting."""
    requests = FakeRequests()
    requests.settle = [0.0, 2.9]
    client, app = ask(requests)
    assert (client.status, client.body["code"]) == (409, "busy")
    assert app.received == []


def test_who_is_not_signed_in_hears_it_from_airflow_and_answers_nothing() -> None:
    """What the guard takes for nobody's cannot have an effect, whoever Airflow takes it for."""
    requests = FakeRequests()
    requests.signed_in = None
    client, app = ask(requests)
    ((seen, body),) = app.received
    assert body == b"{}"
    assert dict(seen["headers"])[b"content-length"] == b"2"
    assert client.status == 200
    assert requests.did == []


def test_disconnect_in_the_middle_of_the_body() -> None:
    """Half an answer is none, and holds no lock."""
    requests, app, client = FakeRequests(), Airflow(), Client(b'{"chosen', None)
    guard: Any = AnswerGuard(app, requests)  # type: ignore[arg-type]
    asyncio.run(asyncio.wait_for(guard(scope(), client.receive, client.send), 5))
    assert client.status == 400
    assert app.received == []
    assert requests.did == []


def test_airflow_sees_the_client_after_the_body() -> None:
    """After the body comes what the client does, not a disconnect that would end a streamed reply."""
    client = Client(json.dumps(APPROVE).encode())

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        gone = asyncio.ensure_future(receive())
        await asyncio.wait([gone], timeout=0.1)
        assert not gone.done()
        gone.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    guard: Any = AnswerGuard(app, FakeRequests())  # type: ignore[arg-type]
    asyncio.run(asyncio.wait_for(guard(scope(), client.receive, client.send), 5))
    assert client.status == 200


def test_fifty_answers_to_one_gate_spend_it_once() -> None:
    """Exactly one reaches Airflow; every other is told so, and nobody waits for ever."""
    requests = FakeRequests()
    app = Airflow(requests)
    guard: Any = AnswerGuard(app, requests)  # type: ignore[arg-type]
    clients = [Client(json.dumps(APPROVE).encode()) for _ in range(50)]

    async def all_at_once() -> None:
        await asyncio.gather(*(guard(scope(), client.receive, client.send) for client in clients))

    asyncio.run(asyncio.wait_for(all_at_once(), 10))
    assert Counter(client.status for client in clients) == {200: 1, 409: 49}
    assert len(app.received) == 1
    assert requests.held == set()


def test_airflow_that_fails_gives_the_lock_back() -> None:
    """An exception behind the guard leaves the gate free."""

    async def app(*_: Any) -> None:
        raise RuntimeError("boom")

    requests, client = FakeRequests(), Client(json.dumps(APPROVE).encode())
    with pytest.raises(RuntimeError, match="boom"):
        asyncio.run(AnswerGuard(app, requests)(scope(), client.receive, client.send))  # type: ignore[arg-type]
    assert requests.held == set()
