"""The open requests of items, for the guard: spec, state, evidence, lock and answerer of each.

Runs in the api-server, the only component that may read Airflow's database.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import settings
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from jwt import InvalidTokenError
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from launch_pipeline.airflow.api_server.answers.refused import RefusedAnswers
from launch_pipeline.airflow.api_server.answers.request_rows import read_request, read_request_and_run
from launch_pipeline.airflow.api_server.answers.turns import Seldom, Turns
from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.airflow.api_server.in_force import spec_asked_about
from launch_pipeline.airflow.hooks.ledger import prior_answers
from launch_pipeline.airflow.policies.answers import Names, check_answer, check_answerer
from launch_pipeline.airflow.policies.launch_run import launch_of
from launch_pipeline.airflow.policies.pacing import worker_lag
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import AnswerRefused, ConfigurationError, LaunchRefused
from launch_pipeline.launch.evidence import Evidence, asked_on, digest_of, read_evidence
from launch_pipeline.launch.in_force import names_in_force, settings_in_force
from launch_pipeline.launch.item_records import GivenAnswer
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launches import Launches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.engine import Connection as DatabaseConnection
    from sqlalchemy.engine import Engine

    from launch_pipeline.airflow.api_server.answers.request_key import Asked, RequestKey
    from launch_pipeline.airflow.api_server.answers.request_rows import RequestRow, RunRow
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.slack.messages.button_values import RequestPin

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 10
"""Answers that are processed side by side; each holds one connection of the guard's own pool."""

TURN_SECONDS = 10.0
"""How long an answer waits for earlier answers to the same request."""

LOCK_SECONDS = 3.0
"""How long the first in line waits for another api-server that holds the request's lock."""

LOCK_EVERY = 0.05

SCHEDULER_PATIENCE = timedelta(seconds=20)
"""A scheduler that has not run for this long does not hold an answer back."""

LOOK_SECONDS = 0.25
"""Poll interval while waiting for the scheduler's next pass over the run."""

SILENCE = {"tcp_keepalives_idle": 15, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""After 30 s of silence PostgreSQL drops the session of an api-server."""


class OpenRequests:
    """Access to requests, on threads and connections of its own: waiting here blocks no other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="launch-guard")
        self._places = asyncio.Semaphore(AT_ONCE)
        self._turns = Turns()
        self._rechecks = Seldom()
        self._refused = RefusedAnswers(ledger_dsn)
        self._worker_lag = worker_lag()
        self._engine: Engine = create_engine(
            str(settings.SQL_ALCHEMY_CONN), pool_size=AT_ONCE, max_overflow=2, pool_pre_ping=True
        )
        event.listen(self._engine, "connect", _notice_silence)

    async def spec(self, key: RequestKey) -> ItemSpec | None:
        """Return the item that a request asks about, as its launch has it.

        None where it is not an item of a checklist. Raises LedgerUnavailable, LaunchRefused and
        InvalidChecklist.
        """
        return await self._run(spec_asked_about, key.dag_id, key.run_id, key.task_id)

    async def user(self, scope: Any) -> str | None:
        """Return the name of the signed-in account, if any. A token wins over the cookie, as in Airflow."""
        token = _token(scope)
        try:
            user = await get_auth_manager().get_user_from_token(token) if token else None
        except InvalidTokenError:
            return None
        return user.get_name() if user else None

    async def settle_seconds(self, key: RequestKey) -> float:
        """Return how long to wait before an answer is safe. Afterwards, more may be needed.

        The worker that parked the task reports its own end to the scheduler. If the answer overtakes this
        report, the scheduler believes that the task was killed and starts another try. So the scheduler must
        have made one pass over the run after the settle time; it reads the report in the same pass.
        """
        found: tuple[RequestRow, RunRow] | None
        found = await self._run(self._read, read_request_and_run, key)
        request, run = found or (None, None)
        if request is None or run is None or request.updated_at is None or not request.waits:
            return 0.0
        safe_at: datetime = request.updated_at + max(policy().settle, self._worker_lag)
        now = datetime.now(UTC)
        if now < safe_at:
            return (safe_at - now).total_seconds()
        looked = run.scheduled_at is not None and run.scheduled_at >= safe_at
        return 0.0 if looked or now > safe_at + SCHEDULER_PATIENCE else LOOK_SECONDS

    async def pin(self, key: RequestKey) -> RequestPin | None:
        """Return the current try of a request's task, None where there is no such task."""
        return await self._run(self._pin, key)

    @asynccontextmanager
    async def alone(self, key: RequestKey) -> AsyncIterator[bool]:
        """Hold the request's lock, in turn; yields False where others have held it for too long.

        Only the first in line takes one of the places, so a crowd at one request does not block the others.
        """
        async with self._turns.turn(key, TURN_SECONDS) as mine:
            if not mine:
                yield False
                return
            async with self._places, self._connection() as connection:
                yield await self._locked(connection, _lock_number(key))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[DatabaseConnection]:
        """Lend a connection; it goes back even where the request is cancelled while the pool opens it."""
        opened: list[DatabaseConnection] = []
        try:
            await self._run(lambda: opened.append(self._engine.connect()))
            yield opened[0]
        finally:
            for connection in opened:
                await self._run(_give_back, connection)

    async def _locked(self, connection: DatabaseConnection, number: int) -> bool:
        """Take the lock once another api-server releases it; no thread waits meanwhile."""
        end = time.monotonic() + LOCK_SECONDS
        # Another process's lock raises no event, so poll.
        while not (locked := await self._run(_try_lock, connection, number)):
            if time.monotonic() >= end:
                break
            await asyncio.sleep(LOCK_EVERY)
        return locked

    async def check_answerer(self, asked: Asked) -> None:
        """Raise AnswerRefused where an answer cannot count, whatever the evidence and the ledger say."""
        await self._run(self._check_answerer, asked)

    async def check_answer(self, asked: Asked) -> str:
        """Return the digest of the evidence that the answer counts for.

        Raises AnswerRefused where it does not count, LedgerUnavailable if the ledger is away.
        """
        return await self._run(self._check_answer, asked)

    def append_refused(self, asked: Asked, code: str, sentence: str) -> None:
        """Append a refused answer to the ledger, some time after the reply."""
        self._refused.append_from_guard(asked, code, sentence, self._pin)

    def _check_answerer(self, asked: Asked) -> None:
        answer = GivenAnswer.of_input(asked.option, asked.fields, asked.user)
        check_answerer(asked.spec, answer, None)
        _, run = _waiting(self._read(read_request_and_run, asked.key))
        # Under the lock, the run's form is compared with the ledger.
        check_answerer(asked.spec, answer, run.conf.get("started_by"))
        if answer.option == Answer.RECHECK:
            self._limit_rechecks(asked)

    def _limit_rechecks(self, asked: Asked) -> None:
        """Limit how often an account that does not hold the item's role may ask for a re-check.

        Each re-check starts a new try, in which the people who hold the role must look and answer again.
        """
        people, every = contacts(), policy().recheck
        if people.by_airflow_user(asked.user) in people.holders(asked.spec.item.owner):
            return
        if not self._rechecks.again((asked.user, asked.key), every.total_seconds()):
            sentence = (
                f"You asked for a re-check of this item less than {format_duration(every)} ago."
                " Look at its result."
            )
            raise AnswerRefused("too_soon", sentence)

    def _check_answer(self, asked: Asked) -> str:
        key, spec, dsn = asked.key, asked.spec, ledger_dsn()
        request, run = _waiting(self._read(read_request_and_run, key))
        launch = _launch(run, Launches(dsn).find(key.run_id))
        seen = EvidenceTable(dsn).read(request.task_instance_id)
        evidence = read_evidence(seen, request.task_instance_id)
        now = digest_of(evidence)
        pinned = now if asked.evidence is None else asked.evidence
        answer = GivenAnswer.of_input(asked.option, {**asked.fields, "evidence": pinned}, asked.user)
        prior = prior_answers(key.run_id, key.dag_id, spec.ref, dsn)
        asked_in = Names(asked_on(seen), _names(dsn, launch, spec.item))
        check_answer(spec, launch, answer, evidence, *prior, names=asked_in, dag_id=key.dag_id, dsn=dsn)
        return now

    def _pin(self, key: RequestKey) -> RequestPin | None:
        request = self._read(read_request, key)
        return request.pin if request else None

    def _read(self, read: Callable[[DatabaseConnection, RequestKey], T], key: RequestKey) -> T:
        with self._engine.connect() as connection:
            return read(connection, key)

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        done = asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            # The thread still uses the connection: wait before it is given to another answer.
            await asyncio.wait([done])
            raise


def _names(dsn: str, launch: LaunchContext, item: Item) -> dict[str, str]:
    """Return what an answer would rest on; empty where the task could not tell it either."""
    people = contacts()
    try:
        return names_in_force(settings_in_force(dsn, launch), launch, item, people)
    except ConfigurationError:
        return {}


def _waiting(found: tuple[RequestRow, RunRow] | None) -> tuple[RequestRow, RunRow]:
    if found is None or not found[0].waits:
        state = (found[0].state if found else None) or "not started"
        sentence = f"This item is not waiting for an answer now (state: {state})."
        raise AnswerRefused("not_waiting", sentence)
    return found


def _launch(run: RunRow, launch: Launch | None) -> LaunchContext:
    try:
        return launch_of(run, launch, over_too=True)
    except LaunchRefused as refused:
        raise AnswerRefused("no_launch", str(refused)) from refused


def evidence_of(dsn: str, task_instance_id: str) -> Evidence | None:
    """Return what the checks of this very task instance last saw. Raises LedgerUnavailable."""
    return read_evidence(EvidenceTable(dsn).read(task_instance_id), task_instance_id)


def _token(scope: Any) -> str | None:
    # Read it as Airflow does: a header that only Airflow understands would be a way past the guard.
    request = HTTPConnection(scope)
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    return request.cookies.get(COOKIE_NAME_JWT_TOKEN)


def _lock_number(key: RequestKey) -> int:
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _notice_silence(connection: Any, _: object) -> None:
    """Enable TCP keepalives, so PostgreSQL drops our session and locks 30 s after this host disappears.

    A killed process closes its connections. A host that loses power does not, and with the defaults its
    requests would stay locked for two hours.
    """
    cursor = connection.cursor()
    for name, value in SILENCE.items():
        cursor.execute(f"SET {name} = {value}")
    connection.commit()
    cursor.close()


def _try_lock(connection: DatabaseConnection, number: int) -> bool:
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar())


def _give_back(connection: DatabaseConnection) -> None:
    """Release the lock, which outlives the transaction, and return the connection to the pool."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.commit()
    except SQLAlchemyError as error:
        # Its session is gone, and the locks with it. The reply has been sent.
        log.warning("The guard's connection broke: %s", error)
        connection.invalidate()
    finally:
        connection.close()
