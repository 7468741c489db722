"""Answering in a person's name: what the bridge asks for, and Airflow does.

The bridge says which Slack user clicked what. Here that becomes a contact, the contact an Airflow account,
and the answer goes through Airflow's own route with a token of that account, in this very process. So
Airflow's permissions, record and audit log are those of the person; the guard judges it as any other answer,
and is told, by means that no client has, that it came from Slack and which try it is for.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select

from launch_pipeline.airflow.api_server.answers.answer_guard import PIN, SUPERSEDED, VIA
from launch_pipeline.airflow.api_server.answers.refused import RefusedAnswers
from launch_pipeline.airflow.api_server.answers.request_key import Pin, RequestKey
from launch_pipeline.airflow.api_server.bridge.accounts import account
from launch_pipeline.airflow.api_server.bridge.board import ENDED, name_in
from launch_pipeline.airflow.api_server.bridge.refusals import (
    NotTaken,
    ended,
    forbidden,
    recorded,
    replied,
    stands,
    unknown_item,
)
from launch_pipeline.airflow.api_server.ledger import ledger_dsn
from launch_pipeline.airflow.policies.answer_recovery import cleared_at
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import RecordedBy
from launch_pipeline.slack.protocol import Decided

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from sqlalchemy.engine import Connection

    from launch_pipeline.airflow.api_server.bridge.accounts import Account
    from launch_pipeline.airflow.api_server.database import ApiDatabase
    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.ledger.schema import Record
    from launch_pipeline.slack.protocol import DecideRequest

    App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Now:
    """A request as Airflow's database shows it."""

    task_instance_id: str
    try_number: int
    state: str | None
    responded: bool
    answered_by: str
    answer: str
    record: Record | None
    cleared_at: int
    """Number of the last try before somebody cleared the task."""

    @property
    def pin(self) -> Pin:
        """Which try it is."""
        return Pin(self.task_instance_id, self.try_number)

    def taken_from(self, user: str, answer: str) -> bool:
        """Whether that answer of that Airflow user is the one that counts here."""
        if self.record is not None:
            by = self.record.decided_by
            return by is not None and by.airflow_user == user and self.answer == answer
        return self.state not in ENDED and (self.answered_by, self.answer) == (user, answer)


class DelegatedAnswers:
    """Takes the bridge's requests to answer; ``airflow`` of each is the running api-server."""

    def __init__(self, database: ApiDatabase) -> None:
        self._database = database
        self._refused = RefusedAnswers(ledger_dsn)

    async def decide(self, request: DecideRequest, airflow: App) -> Decided:
        """Answer in a person's name, and make sure that the answer was taken.

        Raises AnswerRefused (often NotTaken) with the rule that is broken and what to do, ConfigurationError,
        InvalidChecklist, SQLAlchemyError.
        """
        try:
            return await self._decide(request, airflow)
        except AnswerRefused as refused:
            where = f"{request.dag_id}/{request.run_id}/{request.task_id}"
            asked = (request.answer, where, request.slack_id)
            log.info("Answer %r to %r by Slack user %r refused: %s: %s", *asked, refused.code, refused)
            raise

    async def _decide(self, request: DecideRequest, airflow: App) -> Decided:
        person, user = await self._who(request)
        before = await self._now(request)
        if decided := _decided(before):
            raise decided
        status, body = await _patch(airflow, request, await self._database.run(user.token))
        now = await self._now(request)
        # Where Airflow broke after it had taken the answer, it is taken all the same.
        if not httpx.codes.is_client_error(status) and now.taken_from(user.name, request.answer):
            return Decided(person=person.name, answer=request.answer)
        raise _decided(now) or replied(status, body, user.name)

    async def _who(self, request: DecideRequest) -> tuple[Person, Account]:
        """Who answers. What is refused here is kept: no Airflow user, so the guard never hears of it."""
        try:
            return await self._database.run(_who, request)
        except NotTaken as refused:
            if (dag := deployed_dags().get(request.dag_id)) and (spec := dag.specs.get(request.task_id)):
                self._refused.keep_of_bridge(_key(request), spec.ref, request, refused, self._instance)
            raise

    def _instance(self, key: RequestKey) -> Pin | None:
        now = self._database.read_here(_read, key)
        return now.pin if now else None

    async def _now(self, request: DecideRequest) -> Now:
        """The request that is meant. Raises NotTaken where it is no more, or never was."""
        now = await self._database.read(_read, _key(request))
        if now is None:
            raise unknown_item()
        if now.pin != Pin(request.task_instance_id, request.try_number):
            raise _carried(now, request) or NotTaken("superseded", SUPERSEDED)
        return now


# ---- who answers -----------------------------------------------------------------------------------


def _who(request: DecideRequest) -> tuple[Person, Account]:
    """From the Slack user to a contact and an account; says what to mend where one is missing."""
    dag = deployed_dags().get(request.dag_id)
    if dag is None or request.task_id not in dag.specs:
        raise unknown_item()
    person = _contact(request)
    if not person.active:
        may = " or ".join(p.name for p in contacts().holders(dag.specs[request.task_id].item.owner))
        sentence = f"{person.name} is marked as not active in the contacts. {may or 'Nobody yet'} may answer."
        raise forbidden("inactive", sentence)
    if not person.airflow_user:
        sentence = (
            f"{person.name} has no 'airflow_user' in the contacts, so nothing can be answered in that name;"
            " have it added there."
        )
        raise forbidden("no_account", sentence)
    return person, account(person.airflow_user)


def _contact(request: DecideRequest) -> Person:
    people = contacts()
    if person := people.by_slack_id(request.slack_id):
        return person
    found = people.by_email(request.email) if policy().slack_by_email else None
    # Whoever has a Slack id is that one only: an e-mail address can be changed in Slack.
    if found is None or found.slack_id is not None:
        sentence = (
            f"The Slack user {request.slack_id!r} is nobody in the contacts; have this id added there as"
            " 'slack_id'."
        )
        raise forbidden("unknown_person", sentence)
    return found


# ---- how it stands ---------------------------------------------------------------------------------


def _decided(now: Now) -> NotTaken | None:
    """Why nobody can answer any more, and whose answer stands; None while somebody still may."""
    if now.record is not None:
        return recorded(now.record, now.answer)
    if now.responded and now.state not in ENDED:
        name = _name(now.answered_by)
        return stands(f"Already answered by {name}: {now.answer}.", name, now.answer)
    return ended(now.state or "") if now.state in ENDED else None


def _carried(now: Now, request: DecideRequest) -> NotTaken | None:
    """Whose answer stands where the try that is meant lost its worker: the next one goes on with it."""
    decided = _decided(now) if request.try_number > now.cleared_at else None
    return decided if decided and decided.person else None


def _name(airflow_user: str) -> str:
    person = contacts().by_airflow_user(airflow_user)
    return person.name if person else airflow_user or "nobody"


def _key(request: DecideRequest) -> RequestKey:
    return RequestKey(request.dag_id, request.run_id, request.task_id, -1)


def _read(connection: Connection, key: RequestKey) -> Now | None:
    row = connection.execute(_query(key)).first()
    if row is None:
        return None
    instance = str(row.id)
    return Now(
        task_instance_id=instance,
        try_number=row.try_number,
        state=row.state,
        responded=row.responded_at is not None,
        answered_by=name_in(row.responded_by),
        answer=", ".join(map(str, row.chosen_options or ())) if row.responded_at else "",
        record=Ledger(ledger_dsn()).record_of(key.run_id, instance),
        cleared_at=cleared_at(row.max_tries or 0),
    )


def _query(key: RequestKey) -> Any:
    return (
        select(
            TaskInstance.id,
            TaskInstance.try_number,
            TaskInstance.max_tries,
            TaskInstance.state,
            HITLDetail.responded_at,
            HITLDetail.responded_by,
            HITLDetail.chosen_options,
        )
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .outerjoin(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(
            TaskInstance.dag_id == key.dag_id,
            TaskInstance.run_id == key.run_id,
            TaskInstance.task_id == key.task_id,
            TaskInstance.map_index == key.map_index,
        )
    )


# ---- Airflow's own route ---------------------------------------------------------------------------


async def _patch(airflow: App, request: DecideRequest, token: str) -> tuple[int, dict[str, Any]]:
    """Answer through the whole api-server, guard included; gives status and body."""

    async def marked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        # Nothing that comes over the network can set a key of the scope.
        pin = Pin(request.task_instance_id, request.try_number, request.evidence)
        await airflow({**scope, VIA: RecordedBy.SLACK, PIN: pin}, receive, send)

    fields = {"reason": request.reason, "signature": request.signature}
    body = {"chosen_options": [request.answer], "params_input": {k: v for k, v in fields.items() if v}}
    # A name that the api-server always answers to.
    transport = httpx.ASGITransport(marked, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        headers = {"Authorization": f"Bearer {token}"}
        # Settling takes as long as it takes; the guard bounds it.
        reply = await client.patch(_path(request), json=body, headers=headers, timeout=None)
    try:
        read: Any = reply.json()
    except ValueError:
        read = None
    return reply.status_code, read if isinstance(read, dict) else {}


def _path(request: DecideRequest) -> str:
    dag, run, task = (quote(part, safe="") for part in (request.dag_id, request.run_id, request.task_id))
    return f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails"
