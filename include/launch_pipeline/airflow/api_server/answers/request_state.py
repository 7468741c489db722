"""What the guard knows of a gate: its item, its state, its evidence, its lock, and who answers.

Lives in the api-server, the only component that may read Airflow's database.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import settings
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from jwt import InvalidTokenError
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from launch_pipeline.airflow.api_server.answers.refused import RefusedAnswers
from launch_pipeline.airflow.api_server.answers.request_key import Pin
from launch_pipeline.airflow.api_server.answers.turns import Seldom, Turns
from launch_pipeline.airflow.api_server.ledger import ledger_dsn
from launch_pipeline.airflow.hooks.ledger import standing_at
from launch_pipeline.airflow.policies.answers import judge, judge_who
from launch_pipeline.airflow.policies.launch_run import launch_of
from launch_pipeline.airflow.policies.pacing import worker_lag
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import AnswerRefused, LaunchRefused
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.evidence import Evidence, digest_of, read_evidence
from launch_pipeline.launch.item_records import GivenAnswer
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launches import Launches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.engine import Connection as DatabaseConnection
    from sqlalchemy.engine import Engine

    from launch_pipeline.airflow.api_server.answers.request_key import Asked, RequestKey
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.launch import Launch

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 10
"""Answers that are taken side by side; each holds one connection of the guard's own pool meanwhile."""

TURN_SECONDS = 10.0
"""How long an answer waits for those before it at the same gate."""

LOCK_SECONDS = 3.0
"""How long the first of them waits for another api-server that holds the gate's lock."""

LOCK_EVERY = 0.05

SCHEDULER_PATIENCE = timedelta(seconds=20)
"""A scheduler that is away this long does not hold an answer back."""

LOOK_SECONDS = 0.25
"""Between two looks whether the scheduler has looked."""

SILENCE = {"tcp_keepalives_idle": 15, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""After 30 s PostgreSQL takes an api-server that is silent for gone."""

WAITING = frozenset({"awaiting_input", "deferred"})


@dataclass(frozen=True)
class PhaseRun:
    """The run that a gate is in, as Airflow's database shows it."""

    dag_id: str
    run_id: str
    run_type: str
    conf: dict[str, Any]


@dataclass(frozen=True)
class RequestState:
    """A gate as Airflow's database shows it."""

    task_instance_id: str
    try_number: int
    state: str | None
    open_request: bool
    updated_at: datetime | None
    scheduled_at: datetime | None
    """When the scheduler looked at the run last."""
    run: PhaseRun

    @property
    def waits(self) -> bool:
        """Whether an answer would reach the task."""
        return self.open_request and self.state in WAITING


class OpenRequests:
    """Access to gates with threads and connections of its own, so that waiting here starves nobody."""

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
        """The item behind a gate; None where the gate is not one of ours."""
        dags = await self._run(deployed_dags)
        dag = dags.get(key.dag_id)
        return dag.specs.get(key.task_id) if dag else None

    async def user(self, scope: Any) -> str | None:
        """Name of who is signed in, or None. A Bearer token wins over the session's cookie, as in Airflow."""
        token = _token(scope)
        try:
            user = await get_auth_manager().get_user_from_token(token) if token else None
        except InvalidTokenError:
            return None
        return user.get_name() if user else None

    async def settle_seconds(self, key: RequestKey) -> float:
        """How much longer to wait before an answer is safe; more may be needed afterwards.

        The worker that parked the task reports its own end to the scheduler. If the answer overtakes this
        report, the scheduler believes that the task was killed and begins another try. So the scheduler must
        have looked at the run once after the settle time; the report is read in the same round.
        """
        state = await self._run(self._state_now, key)
        if state is None or state.updated_at is None or not state.waits:
            return 0.0
        safe_at = state.updated_at + max(policy().settle, self._worker_lag)
        now = datetime.now(UTC)
        if now < safe_at:
            return (safe_at - now).total_seconds()
        looked = state.scheduled_at is not None and state.scheduled_at >= safe_at
        return 0.0 if looked or now > safe_at + SCHEDULER_PATIENCE else LOOK_SECONDS

    async def pin(self, key: RequestKey) -> Pin | None:
        """Which try the gate is in now; None where there is no such gate."""
        return await self._run(self._instance, key)

    @asynccontextmanager
    async def alone(self, key: RequestKey) -> AsyncIterator[bool]:
        """Hold the gate's lock, in turn; False where others have held it for too long.

        Only the first in turn takes one of the places, so that a crowd at one gate keeps none of another's.
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
        """Take the lock as soon as another api-server lets go of it; no thread waits meanwhile."""
        end = time.monotonic() + LOCK_SECONDS
        # No event tells of another process's lock.
        while not (locked := await self._run(_try_lock, connection, number)):
            if time.monotonic() >= end:
                break
            await asyncio.sleep(LOCK_EVERY)
        return locked

    async def judge_who(self, asked: Asked) -> None:
        """Return where an answer may count, whatever evidence and ledger say. Raises AnswerRefused."""
        await self._run(self._judge_who, asked)

    async def judge(self, asked: Asked) -> str:
        """Return the digest of the evidence where the answer counts for it.

        Raises AnswerRefused otherwise, LedgerUnavailable if the ledger is away.
        """
        return await self._run(self._judge, asked)

    def keep_refused(self, asked: Asked, code: str, sentence: str) -> None:
        """Keep a refused answer in the ledger, some time after the reply."""
        self._refused.keep_of_gate(asked, code, sentence, self._instance)

    def _judge_who(self, asked: Asked) -> None:
        answer = GivenAnswer.of_input(asked.option, asked.fields, asked.user)
        judge_who(asked.spec, answer, None)
        state = _waiting(self._state_now(asked.key))
        # That the run says the same as the ledger is seen under the lock.
        judge_who(asked.spec, answer, state.run.conf.get("started_by"))
        if answer.option == Answer.RECHECK:
            self._spare(asked)

    def _spare(self, asked: Asked) -> None:
        """Let who does not answer for an item ask for a re-check now and then only.

        Each begins a new try, in which those who do answer for it must look and answer anew.
        """
        people, every = contacts(), policy().recheck
        if people.by_airflow_user(asked.user) in people.holders(asked.spec.item.owner):
            return
        if not self._rechecks.again((asked.user, asked.key), every.total_seconds()):
            sentence = (
                f"You asked for this re-check less than {format_duration(every)} ago. Look at what it saw."
            )
            raise AnswerRefused("too_soon", sentence)

    def _judge(self, asked: Asked) -> str:
        key, spec = asked.key, asked.spec
        state, dsn = _waiting(self._state_now(key)), ledger_dsn()
        launch = _launch(state.run, Launches(dsn).find(key.run_id))
        evidence = evidence_of(dsn, state.task_instance_id)
        now = digest_of(evidence)
        pinned = now if asked.evidence is None else asked.evidence
        answer = GivenAnswer.of_input(asked.option, {**asked.fields, "evidence": pinned}, asked.user)
        judge(spec, launch, answer, evidence, *standing_at(dsn, key.run_id, key.dag_id, spec.ref))
        return now

    def _instance(self, key: RequestKey) -> Pin | None:
        state = self._state_now(key)
        return Pin(state.task_instance_id, state.try_number) if state else None

    def _state_now(self, key: RequestKey) -> RequestState | None:
        with Session(self._engine) as session:
            row = session.execute(_state_query(key)).first()
            if row is None:
                return None
        instance, conf, run_type, scheduled_at, request = row
        return RequestState(
            task_instance_id=str(instance.id),
            try_number=instance.try_number,
            state=instance.state,
            open_request=request is not None and request.responded_at is None,
            updated_at=instance.updated_at,
            scheduled_at=scheduled_at,
            run=PhaseRun(key.dag_id, key.run_id, str(run_type), conf or {}),
        )

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        done = asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            # Until the thread lets go of its connection nobody else may touch it.
            await asyncio.wait([done])
            raise


def _waiting(state: RequestState | None) -> RequestState:
    if state is None or not state.waits:
        shown = (state.state if state else None) or "not started"
        raise AnswerRefused("not_waiting", f"This gate does not wait for an answer now (state {shown}).")
    return state


def _launch(run: PhaseRun, launch: Launch | None) -> LaunchContext:
    try:
        return launch_of(run, launch, over_too=True)
    except LaunchRefused as refused:
        raise AnswerRefused("no_launch", str(refused)) from refused


def _state_query(key: RequestKey) -> Any:
    return (
        select(
            TaskInstance,
            DagRun.conf,
            DagRun.run_type,
            DagRun.last_scheduling_decision,
            HITLDetail,
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


def evidence_of(dsn: str, task_instance_id: str) -> Evidence | None:
    """Give what the checks of this very task instance saw last. Raises LedgerUnavailable."""
    return read_evidence(EvidenceTable(dsn).read(task_instance_id), task_instance_id)


def _token(scope: Any) -> str | None:
    # Read as Airflow reads it: a header that only one of us understands would be a way past the guard.
    request = HTTPConnection(scope)
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    return request.cookies.get(COOKIE_NAME_JWT_TOKEN)


def _lock_number(key: RequestKey) -> int:
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _notice_silence(connection: Any, _: object) -> None:
    """Let the server end the session, and its locks, soon after this machine has gone without a word.

    A process that is killed closes its connections; a machine that loses its power does not, and by default
    its gates would stay locked for two hours.
    """
    cursor = connection.cursor()
    for name, value in SILENCE.items():
        cursor.execute(f"SET {name} = {value}")
    connection.commit()
    cursor.close()


def _try_lock(connection: DatabaseConnection, number: int) -> bool:
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar())


def _give_back(connection: DatabaseConnection) -> None:
    """Return a connection to the pool, its lock first: a session's lock outlives its transaction."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.commit()
    except SQLAlchemyError as error:
        # A broken connection has lost its locks with its session; the reply is out already.
        log.warning("The guard's connection broke: %s", error)
        connection.invalidate()
    finally:
        connection.close()
