"""Handle on a running stack: trigger, answer as a person, wait for a condition, read what is kept."""

from __future__ import annotations

import itertools
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.approvals.deployed import policy
from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import OperationError
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.launch.in_force import deployed_settings
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi, Json
    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.in_force import Settings
    from launch_pipeline.ledger.schema import LedgerEntry, Record
    from launch_pipeline.stack.stack import Stack
    from servers.switches import Switches, Valve

ROOT = Path(__file__).resolve().parents[2]
PHASE = "week_1_pre_launch_requirements"
RELEASE = "a" * 40
ENDED = {"success", "skipped", "failed", "upstream_failed"}
PATIENCE = 90.0


def dags_to_begin(folder: Path, dags: Path = ROOT / "dags") -> Path:
    """Make a folder of Dags with the one that begins a single phase besides, and return it."""
    shutil.copytree(dags, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "fixtures" / "dags" / "begin_phase.py", folder)
    return folder


@dataclass
class Launchpad:
    """The stack under test."""

    stack: Stack
    switches: Switches
    valve: Valve
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _apis: dict[str, AirflowApi] = field(default_factory=dict)

    def another(self) -> Launchpad:
        """Return the same for another thread: a client of Airflow belongs to one."""
        return Launchpad(self.stack, self.switches, self.valve)

    def api(self, user: str = "admin") -> AirflowApi:
        if user not in self._apis:
            self._apis[user] = self.stack.api(user)
        return self._apis[user]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.stack.settings.ledger_dsn)

    def begin(self, dag_id: str = PHASE, *, name: str = "e2e", **conf: Any) -> Run:
        """Begin a launch: with the conductor's form, or one of a single phase that was admitted already."""
        run_id = f"REHEARSAL-{name}-{next(self._numbers)}"
        form = {"environment": "e2e", "release": "1.0.0", "release_sha": RELEASE, "rehearsal": True, **conf}
        run = Run(self, dag_id, run_id)
        if dag_id == CONDUCTOR:
            self.api().trigger(CONDUCTOR, form, run_id=run_id)
            return run
        self._admit(run_id, {**form, "started_by": "rita.release"})
        launch = {**form, "started_by": "rita.release"}
        self.api().trigger("begin_phase", {"phase": dag_id, "launch": launch}, run_id=run_id)
        run.until(f"{dag_id} has begun", lambda: self.api().dag_run(dag_id, run_id))
        return run

    def _admit(self, launch_id: str, conf: dict[str, Any]) -> None:
        """Write a launch's row as ``admit`` does, for the checklists of this stack."""
        dags, rules, settings = self._shipped(conf["environment"])
        variables = settings.lasting(LaunchContext.of_form(launch_id, conf, conf["started_by"]).variables())
        launch_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        Launches(self.stack.settings.ledger_dsn).start(
            Launch(
                launch_id=launch_id,
                environment=conf["environment"],
                rehearsal=True,
                release=conf["release"],
                release_sha=conf["release_sha"],
                launch_at=launch_at,
                started_by=conf["started_by"],
                conf=conf,
                checklist_digests={dag_id: dag.digest for dag_id, dag in dags.items()},
                environment_digest=digest(settings.document),
            ),
            # Benchmarks have other Dags, and seal nothing.
            launch_plan(dags, rules, variables) if PHASE in dags else None,
            [*(dag.definition for dag in dags.values()), settings.document],
        )

    def _shipped(self, environment: str) -> tuple[dict[str, DeployedDag], Policy, Settings]:
        """Return the checklists, the policy and an environment of this stack."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAUNCH_INCLUDE", self.stack.settings.extra_environment["LAUNCH_INCLUDE"])
            return deployed_dags(), policy(), deployed_settings(environment)

    def newest(self, dag_id: str) -> Run:
        """Return the run of a Dag that began last, once there is one that this handle did not begin."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            runs = [r for r in self.api().dag_runs(dag_id) if not r["dag_run_id"].startswith("REHEARSAL-")]
            if runs:
                return Run(self, dag_id, runs[0]["dag_run_id"])
            time.sleep(0.2)
        message = f"nobody began a run of {dag_id}"
        raise AssertionError(message)


@dataclass(frozen=True)
class Run:
    """One run of one Dag."""

    pad: Launchpad
    dag_id: str
    id: str

    def of(self, dag_id: str) -> Run:
        """Return the run of another Dag of the same launch."""
        return Run(self.pad, dag_id, self.id)

    def page(self, name: str) -> str:
        """Path of the page that an item of the small phase asks."""
        return f"/{self.id}/{name}"

    def tasks(self) -> dict[str, Json]:
        return {t["task_id"]: t for t in self.pad.api().task_instances(self.dag_id, self.id)}

    def state(self, task_id: str) -> str | None:
        found: str | None = self.tasks().get(task_id, {}).get("state")
        return found

    def record(self, task_id: str) -> Record | None:
        return read_record(self.xcom(task_id))

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        return self.pad.api().xcom(self.dag_id, self.id, task_id, key=key)

    def answer(self, user: str, task_id: str, option: str, **fields: str) -> Json:
        return self.pad.api(user).answer(self.dag_id, self.id, task_id, option, fields)

    def answer_when_open(self, user: str, task_id: str, option: str, **fields: str) -> Json:
        self.until_waiting(task_id)
        return self.answer(user, task_id, option, **fields)

    def entries(self, kind: str | None = None) -> list[LedgerEntry]:
        return [e for e in self.pad.ledger.entries(self.id, kind) if e.dag_id == self.dag_id]

    def until(self, what: str, holds: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait for a condition; give its value."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if value := holds():
                return value
            time.sleep(0.2)
        shown = {name: (t["state"], t["try_number"]) for name, t in self.tasks().items()}
        message = f"not within {patience} s: {what}; tasks are {shown}"
        raise AssertionError(message)

    def until_state(self, task_id: str, *states: str) -> Json:
        self.until(f"{task_id} in {states}", lambda: self.state(task_id) in states)
        return self.tasks()[task_id]

    def until_waiting(self, task_id: str) -> Json:
        """Wait until a request of the task's present try can be answered."""

        def waiting() -> bool:
            open_requests = self.pad.api().hitl_details(self.dag_id, self.id)
            return any(r["task_instance"]["task_id"] == task_id for r in open_requests)

        self.until(f"{task_id} waits for a person", waiting)
        return self.tasks()[task_id]

    def until_ended(self) -> str:
        """Wait for the end of the run; give its state."""

        def ended() -> str | None:
            run = self.pad.api().dag_run(self.dag_id, self.id)
            return run["state"] if run and run["state"] in {"success", "failed"} else None

        state: str = self.until(f"{self.dag_id} ended", ended)
        return state

    def finish(self, *but: str) -> None:
        """Answer or switch on everything of the small phase that is not named."""
        self.pad.switches.on(
            *(self.page(n) for n in ("green", "heals", "broken", "witnessed") if n not in but)
        )
        for user, task in (
            ("ada.technical", "people.witnessed"),
            ("priya.product", "people.attested"),
            ("priya.product", "people.afterwards"),
        ):
            if task.split(".")[1] not in but:
                self.until_waiting(task)
                self.until(f"{task} approved", lambda u=user, t=task: self._approve(u, t))

    def _approve(self, user: str, task: str) -> bool:
        try:
            self.answer(user, task, "Approve")
        except OperationError:
            return False
        return True
