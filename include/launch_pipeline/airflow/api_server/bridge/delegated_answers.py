"""Answers in a person's name: the bridge says which Slack user clicked what, and Airflow takes the answer.

The Slack user becomes a contact, the contact an Airflow account, and the answer goes through Airflow's own
route in this process, with a token of that account. So Airflow's permissions, record and audit log are those
of the person. The guard checks the answer like any other; two scope keys, which no client can set, tell it
that the answer came from Slack and which try the person saw.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from launch_pipeline.airflow.api_server.answers.answer_guard import PIN, VIA
from launch_pipeline.airflow.api_server.answers.refused import RefusedAnswers
from launch_pipeline.airflow.api_server.answers.request_key import SUPERSEDED, RequestKey
from launch_pipeline.airflow.api_server.answers.request_rows import ENDED, read_request
from launch_pipeline.airflow.api_server.asgi import call, request_scope
from launch_pipeline.airflow.api_server.bridge.accounts import account
from launch_pipeline.airflow.api_server.bridge.refusals import (
    NotTaken,
    ended,
    forbidden,
    recorded,
    replied,
    stands,
    unknown_item,
)
from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.airflow.api_server.in_force import spec_asked_about
from launch_pipeline.airflow.policies.answer_recovery import cleared_at
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import RecordedBy
from launch_pipeline.slack.messages.button_values import RequestPin
from launch_pipeline.slack.protocol import Decided

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from launch_pipeline.airflow.api_server.answers.request_rows import RequestRow
    from launch_pipeline.airflow.api_server.asgi import App
    from launch_pipeline.airflow.api_server.bridge.accounts import Account
    from launch_pipeline.airflow.api_server.database import ApiDatabase
    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import Record
    from launch_pipeline.slack.protocol import DecideRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Now:
    """A request as Airflow's database shows it, and its record if there is one."""

    row: RequestRow
    record: Record | None

    def taken_from(self, user: str, answer: str) -> bool:
        """Whether this answer of this Airflow user is the one that counts here."""
        if self.record is not None:
            by = self.record.decided_by
            return by is not None and by.airflow_user == user and self.row.answer == answer
        taken = (self.row.answered_by, self.row.answer)
        return self.row.state not in ENDED and taken == (user, answer)


class DelegatedAnswers:
    """Takes the bridge's requests to answer; ``airflow`` is the running api-server."""

    def __init__(self, database: ApiDatabase) -> None:
        self._database = database
        self._refused = RefusedAnswers(ledger_dsn)

    async def decide(self, request: DecideRequest, airflow: App) -> Decided:
        """Answer in a person's name, and make sure that the answer was taken.

        Raises AnswerRefused (mostly NotTaken) with the broken rule and what to do, ConfigurationError,
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
        # An answer that Airflow took before it failed is taken all the same.
        refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
        if not refused and now.taken_from(user.name, request.answer):
            return Decided(person=person.name, answer=request.answer)
        raise _decided(now) or replied(status, body, user.name)

    async def _who(self, request: DecideRequest) -> tuple[Person, Account]:
        """Return who answers. A refusal is appended to the ledger here, since it never reaches the guard."""
        try:
            return await self._database.run(_who, request)
        except NotTaken as refused:
            if spec := await self._database.run(_spec, request):
                self._refused.append_from_bridge(_key(request), spec.ref, request, refused, self._pin)
            raise

    def _pin(self, key: RequestKey) -> RequestPin | None:
        row = self._database.read_here(read_request, key)
        return row.pin if row else None

    async def _now(self, request: DecideRequest) -> Now:
        """Return the request as it is now. Raises NotTaken where another try has replaced the one shown."""
        now = await self._database.read(_read, _key(request))
        if now is None:
            raise unknown_item()
        # Plain values: the number sent may be out of the range of a RequestPin.
        shown = (request.task_instance_id, request.try_number)
        if (now.row.task_instance_id, now.row.try_number) != shown:
            raise _carried(now, request) or NotTaken(*SUPERSEDED)
        return now


# ---- who answers -----------------------------------------------------------------------------------


def _who(request: DecideRequest) -> tuple[Person, Account]:
    """Return the contact and the account of a Slack user; a refusal says what to add where one is missing."""
    if (spec := _spec(request)) is None:
        raise unknown_item()
    may = " or ".join(p.name for p in contacts().holders(spec.item.owner))
    return acting_person(request.slack_id, request.email, may)


def acting_person(slack_id: str, email: str, may: str) -> tuple[Person, Account]:
    """Return the active contact and the account in whose name a Slack user acts.

    ``may`` names who may act instead. Raises NotTaken, which says what to add where one is missing.
    """
    person = _contact(slack_id, email)
    if not person.active:
        sentence = (
            f"{person.name} is not active in the contacts. {may or 'No active contact'} may answer this."
        )
        raise forbidden("inactive", sentence)
    if not person.airflow_user:
        sentence = (
            f"{person.name} has no Airflow account in the contacts file. Ask a maintainer to add it as"
            " 'airflow_user'."
        )
        raise forbidden("no_account", sentence)
    return person, account(person.airflow_user)


def _spec(request: DecideRequest) -> ItemSpec | None:
    return spec_asked_about(request.dag_id, request.run_id, request.task_id)


def _contact(slack_id: str, email: str) -> Person:
    people = contacts()
    if person := people.by_slack_id(slack_id):
        return person
    found = people.by_email(email) if policy().slack_by_email else None
    # A contact with a Slack id is found by that id only: an e-mail address can be changed in Slack.
    if found is None or found.slack_id is not None:
        sentence = (
            f"The Slack user {slack_id!r} is not in the contacts file. Ask a maintainer to add this"
            " id as 'slack_id'."
        )
        raise forbidden("unknown_person", sentence)
    return found


# ---- the state of the request ----------------------------------------------------------------------


def _decided(now: Now) -> NotTaken | None:
    """Return why the request takes no answer any more, and whose answer counts; None while it takes one."""
    row = now.row
    if now.record is not None:
        return recorded(now.record, row.answer)
    if row.taken:
        name = _name(row.answered_by)
        return stands(f"Already answered by {name}: {row.answer}.", name, row.answer)
    return ended(row.state or "") if row.state in ENDED else None


def _carried(now: Now, request: DecideRequest) -> NotTaken | None:
    """Return the existing decision if the shown try lost its worker and a later try took over its answer."""
    decided = _decided(now) if request.try_number > cleared_at(now.row.max_tries) else None
    return decided if decided and decided.person else None


def _name(airflow_user: str) -> str:
    person = contacts().by_airflow_user(airflow_user)
    return person.name if person else airflow_user or "an unknown account"


def _key(request: DecideRequest) -> RequestKey:
    return RequestKey(request.dag_id, request.run_id, request.task_id, -1)


def _pin_of(request: DecideRequest) -> RequestPin:
    return RequestPin(
        task_instance_id=request.task_instance_id, try_number=request.try_number, evidence=request.evidence
    )


def _read(connection: Connection, key: RequestKey) -> Now | None:
    row = read_request(connection, key)
    return Now(row, Ledger(ledger_dsn()).record_of(key.run_id, row.task_instance_id)) if row else None


# ---- Airflow's own route ---------------------------------------------------------------------------


async def _patch(airflow: App, request: DecideRequest, token: str) -> tuple[int, dict[str, Any]]:
    """Answer through the whole api-server, guard included, and return status and body of its reply.

    There is no timeout: the guard bounds how long it waits.
    """
    fields = {"reason": request.reason, "signature": request.signature}
    body = json.dumps(
        {"chosen_options": [request.answer], "params_input": {k: v for k, v in fields.items() if v}}
    ).encode()
    headers = [
        (b"authorization", f"Bearer {token}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    # No request from the network can set a scope key.
    scope = {**request_scope("PATCH", _path(request), headers), VIA: RecordedBy.SLACK, PIN: _pin_of(request)}
    reply = await call(airflow, scope, body)
    try:
        read: Any = json.loads(reply.body)
    except ValueError:
        read = None
    return reply.status, read if isinstance(read, dict) else {}


def _path(request: DecideRequest) -> str:
    dag, run, task = (quote(part, safe="") for part in (request.dag_id, request.run_id, request.task_id))
    return f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails"
