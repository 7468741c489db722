"""Airflow's side of a task, without Airflow's servers: the supervisor's channel, and one task's life."""

from __future__ import annotations

import importlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, TIRunContext
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.serde import deserialize, serialize
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.launch.evidence import EVIDENCE_KEY, digest_of, read_evidence
from servers.responder import kept_of, stamped_by

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.triggers.base import TriggerEvent

NOW = datetime(2030, 5, 6, 9, 0, tzinfo=UTC)


class Supervisor:
    """The channel between a task and Airflow; keeps what is sent, and raises on what it does not know."""

    def __init__(self) -> None:
        self.xcoms: dict[tuple[str, str, str, str], Any] = {}
        self.requests: list[comms.CreateHITLDetailPayload] = []
        self.store: dict[str, comms.SetTaskStateStore] = {}
        self.connections: dict[str, dict[str, Any]] = {}
        self.ledger_dsn = ""
        """Address of the connection that was made last."""
        self.runs: set[tuple[str, str]] = set()
        self.ended_runs: set[tuple[str, str]] = set()
        self.failed: set[tuple[str, str]] = set()
        """Tasks of a launch's runs that have failed, by Dag and task id."""
        self.triggered: list[comms.TriggerDagRun] = []
        self.paused: set[str] = set()
        self.broken: set[str] = set()
        """Names of messages that are answered with an error."""
        self.log: list[str] = []
        self.mistakes: list[Exception] = []

    def postgres(self, dsn: str, conn_id: str = "launch_ledger") -> None:
        """Make a libpq address the connection of that name."""
        self.ledger_dsn = dsn
        parts: dict[str, Any] = conninfo_to_dict(dsn)
        self.connections[conn_id] = {
            "conn_type": "postgres",
            "host": parts.get("host"),
            "port": int(parts["port"]) if parts.get("port") else None,
            "login": parts.get("user"),
            "password": parts.get("password"),
            "schema": parts.get("dbname"),
        }

    def web(self, conn_id: str, port: int, **fields: Any) -> None:
        """Make a server on loopback the connection of that name."""
        self.connections[conn_id] = {"conn_type": "http", "host": "127.0.0.1", "port": port, **fields}

    def send(self, msg: Any) -> Any:
        """Answer as the supervisor does, over the wire's own encoding."""
        name = type(msg).__name__
        wire = comms._RequestFrame(id=0, body=msg.model_dump()).as_bytes()[4:]
        msg = type(msg).model_validate(msgspec.msgpack.decode(wire)[1])
        self.log.append(name)
        if name in self.broken:
            raise AirflowRuntimeError(self._error(ErrorType.GENERIC_ERROR))
        try:
            return getattr(self, "_end" if name in ENDS else f"_on_{name}")(msg)
        except Exception as error:
            # Airflow swallows some of them; the fixture raises what is kept here.
            self.mistakes.append(error)
            raise

    async def asend(self, msg: Any) -> Any:
        """Do the same from an event loop."""
        return self.send(msg)

    def _error(self, kind: ErrorType) -> comms.ErrorResponse:
        return comms.ErrorResponse(error=kind)

    def _on_SetXCom(self, msg: comms.SetXCom) -> None:  # noqa: N802
        self.xcoms[msg.dag_id, msg.run_id, msg.task_id, msg.key] = msg.value

    def _on_GetXCom(self, msg: comms.GetXCom) -> Any:  # noqa: N802
        value = self.xcoms.get((msg.dag_id, msg.run_id, msg.task_id, msg.key))
        return comms.XComResult(key=msg.key, value=value)

    def _on_GetXComSequenceSlice(self, msg: comms.GetXComSequenceSlice) -> Any:  # noqa: N802
        key = (msg.dag_id, msg.run_id, msg.task_id, msg.key)
        return comms.XComSequenceSliceResult(root=[self.xcoms[key]] if key in self.xcoms else [])

    def _on_DeleteXCom(self, msg: comms.DeleteXCom) -> None:  # noqa: N802
        self.xcoms.pop((msg.dag_id, msg.run_id, msg.task_id, msg.key), None)

    def _on_CreateHITLDetailPayload(self, msg: comms.CreateHITLDetailPayload) -> None:  # noqa: N802
        self.requests.append(msg)

    def _on_SetTaskStateStore(self, msg: comms.SetTaskStateStore) -> None:  # noqa: N802
        self.store[msg.key] = msg

    def _on_GetTaskStateStore(self, msg: comms.GetTaskStateStore) -> Any:  # noqa: N802
        kept = self.store.get(msg.key)
        if kept is None:
            return self._error(ErrorType.TASK_STORE_NOT_FOUND)
        return comms.TaskStateStoreResult(value=kept.value)

    def _on_GetConnection(self, msg: comms.GetConnection) -> Any:  # noqa: N802
        found = self.connections.get(msg.conn_id)
        if found is None:
            return self._error(ErrorType.CONNECTION_NOT_FOUND)
        empty = dict.fromkeys(("host", "schema", "login", "password", "port", "extra"))
        return comms.ConnectionResult(conn_id=msg.conn_id, **{**empty, **found})

    def _on_MaskSecret(self, _msg: comms.MaskSecret) -> None:  # noqa: N802
        pass

    def _on_SetRenderedFields(self, _msg: comms.SetRenderedFields) -> None:  # noqa: N802
        pass

    def _on_GetDRCount(self, msg: comms.GetDRCount) -> Any:  # noqa: N802
        # The runs that are kept here are under way; ``ended_runs`` holds those that are not.
        known = self.runs if msg.states is None else self.ended_runs
        return comms.DRCount(count=sum((msg.dag_id, run) in known for run in msg.run_ids or ()))

    def _on_GetTaskStates(self, msg: comms.GetTaskStates) -> Any:  # noqa: N802
        states = {
            name: "failed" if (msg.dag_id, name) in self.failed else "running" for name in msg.task_ids or ()
        }
        return comms.TaskStatesResult(task_states=dict.fromkeys(msg.run_ids or (), states))

    def _on_GetDag(self, msg: comms.GetDag) -> Any:  # noqa: N802
        paused = msg.dag_id in self.paused
        unset = ("bundle_name", "bundle_version", "relative_fileloc", "owners", "next_dagrun")
        return comms.DagResult(dag_id=msg.dag_id, is_paused=paused, tags=[], **dict.fromkeys(unset))

    def _on_TriggerDagRun(self, msg: comms.TriggerDagRun) -> Any:  # noqa: N802
        self.triggered.append(msg)
        self.runs.add((msg.dag_id, msg.run_id))
        return comms.OKResponse(ok=True)

    def _end(self, _msg: Any) -> None:
        """Do nothing: the ends of a task come back from ``run`` as well."""


ENDS = ("SucceedTask", "TaskState", "RetryTask", "DeferTask", "AwaitInputTask")


@dataclass
class Ended:
    """How one stretch of a task in a worker ended."""

    state: str
    message: Any
    error: BaseException | None

    @property
    def why(self) -> str:
        """The exception's words."""
        return str(self.error or "")

    @property
    def waits(self) -> str:
        """The state in which an item waits; empty for any other task."""
        found: Any = deserialize(self.message.next_kwargs)
        return str(found.get("state", ""))

    @property
    def trigger(self) -> str:
        """Name of the trigger's class that the task waits on; empty where there is none."""
        return str(getattr(self.message, "classpath", "")).rpartition(".")[2]

    @property
    def trigger_kwargs(self) -> dict[str, Any]:
        """Arguments of that trigger."""
        found: Any = deserialize(self.message.trigger_kwargs)
        return dict(found)


@dataclass
class Task:
    """One task instance; it goes on where it stopped, as under Airflow."""

    supervisor: Supervisor
    operator: Any
    run_id: str = "shop-1.2"
    conf: dict[str, Any] = field(default_factory=dict)
    started_by: str | None = None
    run_type: str = "operator_triggered"
    start_date: datetime = NOW
    try_number: int = 1
    max_tries: int = 1000
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    last: Ended | None = None

    def start(self) -> Ended:
        """Run ``execute`` in a worker."""
        return self._run(None, {})

    def resume(self, event: Any, method: str | None = None) -> Ended:
        """Go on with the event of a trigger or an answer; an item that did not begin here was looked at."""
        if self.last is None and method is None:
            return self._run("resume", {"state": "checked", "event": event})
        waiting: Any = self.last.message if self.last else None
        kwargs: Any = deserialize(waiting.next_kwargs) if waiting else {}
        return self._run(method or waiting.next_method, {**kwargs, "event": event})

    def answer(
        self, option: str, by: str = "sven.security", *, at: datetime | None = None, **fields: Any
    ) -> Ended:
        """Go on with a person's answer, as Airflow's REST API delivers it and the guard has stamped it."""
        stamp = stamped_by(by) | ({"evidence": self.shown} if self.shown else {})
        return self.resume(
            {
                "chosen_options": [option] if option else [],
                "params_input": {**stamp, **fields},
                "responded_at": at or datetime.now(UTC),
                "responded_by_user": kept_of(by),
                "timedout": False,
            }
        )

    @property
    def shown(self) -> str:
        """Digest of what the checks of this very task instance saw last; empty where they saw nothing."""
        return digest_of(read_evidence(self.xcom(EVIDENCE_KEY), str(self.id)))

    def cleared(self) -> Task:
        """Return the next try after a clear: a task instance of its own, with all retries again."""
        return self._next(self.try_number + 1000)

    def lost(self) -> Task:
        """Return the next try that Airflow begins by itself, after this one's worker was lost."""
        return self._next(self.max_tries)

    def _next(self, max_tries: int) -> Task:
        return Task(
            self.supervisor, self.operator, self.run_id, self.conf, self.started_by, self.run_type,
            self.start_date, self.try_number + 1, max_tries,
        )  # fmt: skip

    @property
    def identity(self) -> Any:
        """What a trigger sees of its task instance."""
        return SimpleNamespace(
            id=self.id,
            dag_id=self.operator.dag_id,
            task_id=self.operator.task_id,
            run_id=self.run_id,
            map_index=-1,
            try_number=self.try_number,
            get_template_context=lambda: {"dag_run": self._dag_run()},
        )

    def _dag_run(self) -> DagRun:
        return DagRun(
            dag_id=self.operator.dag_id, run_id=self.run_id, logical_date=None, data_interval_start=None,
            data_interval_end=None, run_after=NOW, start_date=NOW, end_date=None, run_type=self.run_type,
            state=DagRunState.RUNNING, conf=self.conf, triggering_user_name=self.started_by,
            consumed_asset_events=[], partition_key=None,
        )  # fmt: skip

    def xcom(self, key: str = "return_value") -> Any:
        """Return what the task has left under a key."""
        place = (self.operator.dag_id, self.run_id, self.operator.task_id, key)
        return self.supervisor.xcoms.get(place)

    def leave(self, key: str, value: Any) -> None:
        """Put an XCom there, as another process does."""
        self.supervisor.xcoms[self.operator.dag_id, self.run_id, self.operator.task_id, key] = value

    def trigger(self, ended: Ended | None = None) -> Any:
        """Build the trigger the task waits on, as the triggerer does."""
        of: Any = ended or self.last
        message = of.message
        arguments: Any = deserialize(message.trigger_kwargs)
        module, _, name = message.classpath.rpartition(".")
        made = getattr(importlib.import_module(module), name)(**arguments)
        made.task_instance = self.identity
        if not getattr(self.operator, "start_from_trigger", False):
            # The triggerer gives the run only to a task that may start in it (TriggerRunnerSupervisor).
            del made.task_instance.get_template_context
        return made

    def _run(self, method: str | None, kwargs: dict[str, Any]) -> Ended:
        server = TIRunContext(
            dag_run=self._dag_run(), max_tries=self.max_tries, next_method=method, should_retry=True,
            next_kwargs=serialize(kwargs) if method else None,
        )  # fmt: skip
        ti = task_runner.RuntimeTaskInstance.model_construct(
            id=self.id, task_id=self.operator.task_id, dag_id=self.operator.dag_id, run_id=self.run_id,
            try_number=self.try_number, dag_version_id=uuid.uuid4(), map_index=-1, task=self.operator,
            bundle_instance=None,  # type: ignore[arg-type]
            _ti_context_from_server=server, max_tries=self.max_tries, start_date=self.start_date,
        )  # fmt: skip
        context = ti.get_template_context()
        state, message, error = task_runner.run(ti, context, structlog.get_logger("test"))
        self.last = Ended(str(state.value), message, error)
        return self.last


async def first_event(trigger: Any) -> TriggerEvent:
    """Run a trigger until its first event, then end it as the triggerer does."""
    events: AsyncIterator[TriggerEvent] = trigger.run()
    try:
        return await anext(events)
    finally:
        await events.aclose()  # type: ignore[attr-defined]
