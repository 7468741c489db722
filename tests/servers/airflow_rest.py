"""The routes of Airflow's REST API that gates and steps use, with the rows a test writes down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from servers.responder import kept_of, stamped_by
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from servers.airflow_task import Supervisor, Task


def mark_task(api: AirflowApi, dag_id: str, run_id: str, task_id: str, state: str) -> None:
    """Set the state of a task by hand, as the signed-in user."""
    path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"
    reply = api.told("PATCH", path, {"new_state": state})
    assert reply.status < 300, reply.body


class AirflowRest(ScriptedHttp):
    """Signs everybody in and lists the task instances of runs."""

    def __init__(self) -> None:
        super().__init__()
        self.reply("POST", "/auth/token", {"access_token": "t"})

    def connect(self, supervisor: Supervisor) -> Self:
        """Make this server the connection ``launch_airflow``."""
        port = int(self.url.rpartition(":")[2])
        supervisor.web("launch_airflow", port, login="pipeline", password="p")
        return self

    def instances(self, dag_id: str, run_id: str, states: dict[str, tuple[str, str | None]]) -> None:
        """Write down a run: task id to the id of its task instance and its state."""
        rows: list[dict[str, Any]] = [
            {"task_id": name, "id": id_, "state": state, "try_number": 1}
            for name, (id_, state) in states.items()
        ]
        key = ("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        self._replies[key] = [{"task_instances": rows, "total_entries": len(rows)}]
        for row in rows:
            self._replies["GET", f"{key[1]}/{row['task_id']}"] = [row]

    def run(
        self, dag_id: str, run_id: str, *, run_type: str = "operator_triggered", conf: Any = None
    ) -> None:
        """Write down a run."""
        self._replies["GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"] = [
            {"run_type": run_type, "conf": conf or {}}
        ]

    def events(self, *events: dict[str, Any]) -> None:
        """Write down what the audit log holds, newest first."""
        self._replies["GET", "/api/v2/eventLogs"] = [
            {"event_logs": list(events), "total_entries": len(events)}
        ]

    def answered(
        self, task: Task, option: str, by: str, at: datetime | None = None, **fields: Any
    ) -> datetime:
        """Write down what the request of a task's try was answered with; give when."""
        at = at or datetime.now(UTC)
        stamp = stamped_by(by) | ({"evidence": task.shown} if task.shown else {})
        self.reply(
            "GET",
            _try_path(task),
            {
                "chosen_options": [option],
                "params_input": {**stamp, **fields, "via": "slack"},
                "responded_at": at.isoformat(),
                "responded_by_user": kept_of(by),
            },
        )
        return at

    def unanswered(self, task: Task) -> None:
        """Write down that nobody has answered the request of a task's try."""
        self.reply("GET", _try_path(task), {"chosen_options": None, "responded_at": None})

    def trouble(self, dag_id: str, run_id: str, status: int = 403) -> None:
        """Refuse to show a run's task instances."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        for shown in (path, f"{path}/phase_gate"):
            self._replies["GET", shown] = [(status, {"detail": "no"})]


def _try_path(task: Task) -> str:
    place = f"/api/v2/dags/{task.operator.dag_id}/dagRuns/{task.run_id}/taskInstances/{task.operator.task_id}"
    return f"{place}/-1/hitlDetails/tries/{task.try_number}"
