"""The launch plugin's four routes on loopback, as strict as the real ones: for the bridge's own tests.

One gate takes one answer for each try; who may answer is judged by the project's own rules. What can go
wrong between bridge and api-server is provoked here: away, busy, an answer taken whose reply is lost.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from pydantic import TypeAdapter

from launch_pipeline.approvals.changing import judge_holding
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.approvals.rules import AnswerRequest, judge_answer
from launch_pipeline.checklist.options import options_of
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.errors import AnswerRefused, ChangeForbidden
from launch_pipeline.launch.deployed_checklists import deployed_plans
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.routes import BOARD_PATH, DECIDE_PATH, EVIDENCE_PATH, HOLD_PATH
from launch_pipeline.slack.protocol import (
    Board,
    BoardItem,
    BoardLaunch,
    BoardRun,
    Decided,
    DecideRequest,
    EvidenceRequest,
    HoldChanged,
    HoldRequest,
    ItemEvidence,
    Refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.checklist.plan import PlannedItem

USER, PASSWORD = "launch-slack", "correct horse battery staple"
LAUNCH = "shop-2.4.0"
_EVIDENCE = TypeAdapter(tuple[ItemEvidence, ...])


class Says(Exception):
    """An HTTP reply that is no success."""

    def __init__(self, status: int, code: str, detail: str, **more: str) -> None:
        super().__init__(detail)
        self.status = status
        self.refusal = Refusal(code=code, detail=detail, **more)


@dataclass(eq=False)
class Gate:
    """One item's task instance."""

    planned: PlannedItem
    waits: bool = True
    verdict: Verdict | None = None
    headline: str = "coverage 91 %"
    task_instance_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    try_number: int = 1
    taken: DecideRequest | None = None
    person: Person | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def again(self) -> None:
        """Clear it: a new try, which asks anew."""
        self.task_instance_id, self.try_number = str(uuid.uuid4()), self.try_number + 1
        self.taken = self.person = None

    def board_item(self) -> BoardItem:
        """As the board shows it; an answer that was taken has not been judged by the task yet."""
        return BoardItem(
            task_id=self.planned.task_id,
            task_instance_id=self.task_instance_id,
            try_number=self.try_number,
            state="awaiting_input" if self.waits else "running",
            waits=self.waits and self.taken is None,
            since=self.since,
            answered_by=self.person.airflow_user or "" if self.person else "",
            verdict=self.verdict,
            headline=self.headline if self.verdict else "",
            evidence=self.evidence,
        )

    @property
    def evidence(self) -> str:
        """Pin of what its check saw."""
        result = self.result()
        return Evidence.of(self.task_instance_id, [result]).pin if result else ""

    def result(self) -> CheckResult | None:
        """Return what its check saw."""
        return self.verdict and CheckResult(
            kind="report", params={}, authority="ci.example.org", verdict=self.verdict,
            headline=self.headline, started_at=self.since, duration_ms=12, attempts=1,
        )  # fmt: skip


class PluginStandIn:
    """An api-server of one launch; enter it as a context manager of its event loop."""

    def __init__(self, **waiting: Iterable[str]) -> None:
        """Let items wait: all those of the sections that ``waiting`` names by Dag."""
        self.gates: dict[tuple[str, str], Gate] = {}
        for dag_id, sections in waiting.items():
            for section, items in deployed_plans()[dag_id].sections:
                if section.id in sections:
                    self.gates |= {(dag_id, one.task_id): Gate(one) for one in items}
        self.asked: list[DecideRequest] = []
        """Every request to decide that could be read, in order."""
        self.holds: list[HoldRequest] = []
        """Every request to hold or resume that was followed, in order."""
        self.sign_ins = 0
        self.busy = 0
        """So many decisions meet a gate that somebody else answers just now."""
        self.lost = 0
        """The replies of so many decisions are lost after the answer was taken."""
        self.unwell = 0
        """So many requests of any kind are answered 503 by something before the api-server."""
        self.slow = asyncio.Event()
        """Decisions wait for it."""
        self.slow.set()
        self.triggered_by = "rita.release"
        self.port = 0
        self._tokens: set[str] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after ``stop`` on the same port again."""
        app = web.Application()
        app.router.add_post("/auth/token", self._token)
        app.router.add_get(BOARD_PATH, self._route(self._board))
        app.router.add_post(EVIDENCE_PATH, self._route(self._evidence))
        app.router.add_post(DECIDE_PATH, self._route(self._decide))
        app.router.add_post(HOLD_PATH, self._route(self._hold))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away; what is under way is cut."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def expire(self) -> None:
        """Let every token end."""
        self._tokens.clear()

    def gate(self, dag_id: str, task_id: str) -> Gate:
        return self.gates[dag_id, task_id]

    def taken(self) -> dict[str, tuple[str, str]]:
        """Who gave which answer to which item."""
        return {
            task_id: (gate.person.id, gate.taken.answer)
            for (_, task_id), gate in self.gates.items()
            if gate.person and gate.taken
        }

    def board(self) -> Board:
        """Everything as it is."""
        dags = dict.fromkeys(dag_id for dag_id, _ in self.gates)
        runs = tuple(
            BoardRun(
                dag_id=dag_id,
                state="running",
                items=tuple(gate.board_item() for (dag, _), gate in self.gates.items() if dag == dag_id),
            )
            for dag_id in dags
        )
        launch = BoardLaunch(
            launch_id=LAUNCH,
            environment="rehearsal",
            release="2.4.0",
            triggered_by=self.triggered_by,
            runs=runs,
        )
        return Board(launches=(launch,))

    # ---- routes ------------------------------------------------------------------------------------

    def _route(self, answer: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            if self.unwell:
                self.unwell -= 1
                return web.Response(status=503, text="upstream connect error")
            try:
                self._signed_in(request)
                return web.json_response(text=await answer(request))
            except Says as said:
                return web.json_response(text=said.refusal.model_dump_json(), status=said.status)

        return handle

    def _signed_in(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens or request.cookies:
            raise Says(401, "not_signed_in", "Sign in with the token of the bridge's account.")

    async def _token(self, request: web.Request) -> web.Response:
        if await request.json() != {"username": USER, "password": PASSWORD}:
            return web.json_response({"detail": "Invalid credentials"}, status=401)
        self.sign_ins += 1
        token = secrets.token_urlsafe()
        self._tokens.add(token)
        return web.json_response({"access_token": token}, status=201)

    async def _board(self, _request: web.Request) -> str:
        return self.board().model_dump_json()

    async def _evidence(self, request: web.Request) -> str:
        asked = EvidenceRequest.model_validate_json(await request.text())
        found = [self.gates[asked.dag_id, task_id] for task_id in asked.task_ids]
        seen = tuple(
            ItemEvidence(
                task_id=gate.planned.task_id,
                task_instance_id=gate.task_instance_id,
                evidence=gate.evidence,
                results=(result,) if (result := gate.result()) else (),
            )
            for gate in found
        )
        return _EVIDENCE.dump_json(seen).decode()

    async def _decide(self, request: web.Request) -> str:
        asked = DecideRequest.model_validate_json(await request.text())
        self.asked.append(asked)
        await self.slow.wait()
        if self.busy:
            self.busy -= 1
            raise Says(409, "busy", "Another answer to this item is being processed. Try again in a moment.")
        decided = self._take(asked)
        if self.lost:
            self.lost -= 1
            if isinstance(request.transport, asyncio.WriteTransport):
                request.transport.abort()
        return decided.model_dump_json()

    async def _hold(self, request: web.Request) -> str:
        asked = HoldRequest.model_validate_json(await request.text())
        person = contacts().by_slack_id(asked.slack_id)
        try:
            judge_holding(person.airflow_user or "" if person else "", "hold", contacts(), policy())
        except ChangeForbidden as refused:
            raise Says(403, refused.code, str(refused)) from refused
        if person is None or asked.launch_id != LAUNCH:
            raise Says(404, "launch_over", "This launch is no longer under way.")
        if bool(self.holds and self.holds[-1].hold) is asked.hold:
            raise Says(409, "already_so", "The launch is on hold already.")
        self.holds.append(asked)
        if self.lost:
            self.lost -= 1
            if isinstance(request.transport, asyncio.WriteTransport):
                request.transport.abort()
        return HoldChanged(person=person.name, held=asked.hold).model_dump_json()

    def _take(self, asked: DecideRequest) -> Decided:
        gate = self.gates.get((asked.dag_id, asked.task_id))
        if gate is None or asked.run_id != LAUNCH:
            raise Says(404, "unknown_item", "This launch has no such item.")
        if (gate.task_instance_id, gate.try_number) != (asked.task_instance_id, asked.try_number):
            raise Says(409, "superseded", "This card shows an earlier try of the item.")
        if gate.taken and gate.person:
            name, answer = gate.person.name, gate.taken.answer
            raise Says(
                409, "already_decided", f"Already answered by {name}: {answer}.", person=name, answer=answer
            )
        if asked.evidence != gate.evidence:
            raise Says(409, "evidence_changed", f"The checks have seen something else: {gate.headline}.")
        person = contacts().by_slack_id(asked.slack_id)
        if person is None:
            raise Says(403, "unknown_person", f"The Slack user {asked.slack_id} is not in the contacts file.")
        self._judge(gate, asked, person)
        gate.taken, gate.person = asked, person
        return Decided(person=person.name, answer=asked.answer)

    def _judge(self, gate: Gate, asked: DecideRequest, person: Person) -> None:
        item = gate.planned.item
        request = AnswerRequest(
            answer=asked.answer, options=options_of(item), item_ref=gate.planned.ref, owner=item.owner,
            gate=item.gate, severity=item.severity, airflow_user=person.airflow_user or "",
            triggered_by=self.triggered_by, reason=asked.reason, signature=asked.signature,
            checks_passed=None if gate.verdict is None else gate.verdict is Verdict.PASSED,
        )  # fmt: skip
        try:
            judge_answer(request, contacts(), policy())
        except AnswerRefused as refused:
            raise Says(422, refused.code, refused.reason) from refused
