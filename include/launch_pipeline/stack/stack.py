"""Run a whole stack on one machine: PostgreSQL, migrations and Airflow's four components, supervised."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from launch_pipeline.airflow.hooks.rest_client import AirflowApi, Json
from launch_pipeline.errors import LaunchError, OperationError
from launch_pipeline.stack.home import HomeLock, StackInfo, forget_info, prepare_home, write_info
from launch_pipeline.stack.ports import require_free
from launch_pipeline.stack.postgres import Postgres
from launch_pipeline.stack.processes import (
    Component,
    ComponentSpec,
    ProcessRecords,
    Restarts,
    kill_all,
    left_over,
    sweep,
    wait_until,
)
from launch_pipeline.stack.progress import Progress, Step, StepState, silent, step
from launch_pipeline.stack.settings import LEDGER_APPLICATION, STACK_VARIABLE, StackSettings
from launch_pipeline.stack.slack_bridge import bridge_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

HEARTBEATS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
"""Component to its key in Airflow's health report."""
MIGRATION_TIMEOUT = 300.0
DAGS_TIMEOUT = 90.0
STOP_FIRST = ("scheduler", "triggerer", "dag-processor")
"""These components report to the api-server and the database while they stop."""
WATCH_EVERY = 0.5
REVIVE_EVERY = 5.0
"""Minimum seconds between two starts of a component that keeps ending."""
REVIVALS = 5
"""Restarts in a row, each living no longer than ``SHORT_LIFE``, after which the stack stops."""
SHORT_LIFE = 60.0
"""Seconds."""


class Stack:
    """One supervised stack. Use it from a single thread that outlives it (see ``guard``).

    ``extra`` components (a bridge, a stand-in) start after Airflow is ready and stop before it.
    """

    def __init__(self, settings: StackSettings, extra: Iterable[ComponentSpec] = ()) -> None:
        self.settings = settings
        self._extra = (*extra, *([bridge_process(settings.slack, settings)] if settings.slack else []))
        self._lock = HomeLock(settings.home)
        self._records = ProcessRecords(settings.home / "processes.json")
        self._mark = (STACK_VARIABLE, str(settings.home))
        self._components: dict[str, Component] = {}
        self._postgres: Postgres | None = None
        self._ready = False
        self._revived: Counter[str] = Counter()

    def start(self, progress: Progress = silent) -> StackInfo:
        """Start everything and return once it is ready; if that fails, stop what was started.

        Raises :class:`OperationError` with the component, its last lines and its log, or with the obstacle
        (port, disk, another stack) and what to do about it.
        """
        began = time.monotonic()
        with step(progress, "home"):
            prepare_home(self.settings.home)
            self._lock.acquire()
        try:
            self._start(progress)
        except BaseException:
            self.stop()
            raise
        logger.info("stack ready after %.1f s", time.monotonic() - began)
        return self._announce()

    def _start(self, progress: Progress) -> None:
        with step(progress, "clean up"):
            for name in sweep(self._records, self._mark):
                logger.warning("%s was left over from an earlier run and was stopped", name)
            require_free(self.settings.host, self.settings.port, "--port")
            self.settings.passwords()
        used = self._migrated_by().exists()
        with step(progress, "database"):
            self._start_database()
        with step(progress, "migrations"):
            self._migrate()
        with step(progress, "Airflow"):
            self._start_airflow(used=used)
        with step(progress, "Dags"):
            self._await_dags()
        self._warn_of_broken_dags(progress)
        self._ready = True
        for spec in self._extra:
            with step(progress, spec.name):
                self._start_all([spec])

    def _start_database(self) -> None:
        self._postgres = Postgres(self.settings)
        self._postgres.prepare()
        self._start_all([self._postgres.spec()])
        self._postgres.create_databases()

    def _migrate(self) -> None:
        """Migrate Airflow in a process of its own, and the ledger in this one at the same time."""
        migration = self._airflow_migration()
        migrate_ledger(self.settings.ledger_owner_dsn)
        if migration is None:
            return
        done = wait_until(lambda: not migration.running(), MIGRATION_TIMEOUT, alive=self.check)
        self._components.pop(migration.name)
        if not done or migration.exit_code():
            migration.stop()
            raise migration.death()
        self._migrated_by().write_text(airflow_version(), encoding="utf-8")

    def _start_airflow(self, *, used: bool) -> None:
        """Start Airflow's components; in a home that was used before, the api-server before the others.

        Tasks may have waited for this start, such as those that were answered meanwhile. One that does not
        reach the api-server loses its try after some seconds, and the next try asks its person again.
        """
        specs = self._airflow_specs()
        if used:
            self._start_all(specs[:1])
        self._start_all(specs[1:] if used else specs)

    def _airflow_migration(self) -> Component | None:
        """Start Airflow's migration, unless this version has migrated this home already."""
        done_by = self._migrated_by()
        if done_by.exists() and done_by.read_text(encoding="utf-8") == airflow_version():
            return None
        component = self._component(self._airflow_spec("migration", "db", "migrate"))
        component.start()
        return component

    def _migrated_by(self) -> Path:
        return self.settings.home / "airflow-migrated-by"

    def _airflow_specs(self) -> list[ComponentSpec]:
        api = ("api-server", "--host", self.settings.host, "--port", str(self.settings.port))
        return [
            self._airflow_spec("api-server", *api),
            # Logs are read from the shared folder, which saves two processes and ports for log servers.
            self._airflow_spec("scheduler", "scheduler", "--skip-serve-logs", runs_tasks=True),
            self._airflow_spec("dag-processor", "dag-processor"),
            self._airflow_spec("triggerer", "triggerer", "--skip-serve-logs"),
        ]

    def _airflow_spec(self, name: str, *arguments: str, runs_tasks: bool = False) -> ComponentSpec:
        settings = self.settings
        return ComponentSpec(
            name=name,
            command=(sys.executable, "-m", "airflow", *arguments),
            environment=settings.worker_environment() if runs_tasks else settings.component_environment(),
            restarts=Restarts.SOME,
        )

    def _component(self, spec: ComponentSpec) -> Component:
        component = Component(spec, self.settings.log_folder, self._records)
        self._components[spec.name] = component
        return component

    def _start_all(self, specs: Iterable[ComponentSpec]) -> None:
        started = [self._component(spec) for spec in specs]
        for component in started:
            component.start()
        for component in started:
            self._await(component)

    def _await(self, component: Component) -> None:
        ready = self._readiness(component)
        if not wait_until(ready, component.spec.start_timeout, alive=self.check):
            waited = component.spec.start_timeout
            message = (
                f"{component.name} was not ready after {waited:.0f} s. Its last lines:\n"
                f"{component.tail()}\nThe whole log: {component.log}"
            )
            raise OperationError(message)

    def _readiness(self, component: Component) -> Callable[[], bool]:
        if component.name == "postgres" and self._postgres is not None:
            return self._postgres.ready
        if component.name == "api-server":
            return lambda: bool(self._health())
        if component.name in HEARTBEATS:
            return lambda: self._beats(component)
        return component.running

    def _health(self) -> Json:
        api = AirflowApi(self.settings.url, "", "", timeout=(1.0, 5.0), attempts=1)
        try:
            return api.health()
        except OperationError:
            return {}

    def _beats(self, component: Component) -> bool:
        """Return whether the heartbeat is from this start: that of an earlier run looks healthy for 30 s."""
        key = HEARTBEATS[component.name]
        part = self._health().get(key) or {}
        beat = part.get(f"latest_{key}_heartbeat")
        if part.get("status") != "healthy" or not beat:
            return False
        return datetime.fromisoformat(beat).timestamp() >= component.started_at

    def _await_dags(self) -> None:
        """Wait until every Dag file was parsed, successfully or not."""
        expected = {path.name for path in self.settings.dags.glob("*.py") if looks_like_dags(path)}
        api = self.api()

        def parsed() -> bool:
            done = [dag["fileloc"] for dag in api.dags()] + [e["filename"] for e in api.import_errors()]
            return expected <= {Path(name).name for name in done}

        if expected and not wait_until(parsed, DAGS_TIMEOUT, alive=self.check):
            log = self._components["dag-processor"].log
            raise OperationError(f"not all Dags were parsed after {DAGS_TIMEOUT:.0f} s. Read {log}")

    def _warn_of_broken_dags(self, progress: Progress) -> None:
        """Report broken Dags. They do not stop the stack, because other launches may be under way."""
        for error in self.api().import_errors():
            last = (error.get("stack_trace") or "").strip().splitlines()[-1:]
            detail = f"{error['filename']} cannot be imported: {''.join(last)}"
            progress(Step(name="Dags", state=StepState.WARNING, detail=detail))

    def _announce(self) -> StackInfo:
        info = StackInfo(
            url=self.settings.url,
            pid=os.getpid(),
            user=self.settings.users[0].name,
            people=tuple(user.name for user in self.settings.users),
            passwords_file=self.settings.passwords_file,
            ledger_dsn=self.settings.ledger_dsn,
            rehearsal=self.settings.rehearsal,
            log_folder=self.settings.log_folder,
        )
        write_info(self.settings.home, info)
        return info

    def api(self, user: str | None = None) -> AirflowApi:
        """Return a client of ``user``, by default of the first user of the settings."""
        name = user or self.settings.users[0].name
        return AirflowApi(self.settings.url, name, self.settings.passwords()[name])

    def check(self) -> None:
        """Start components again that ended by themselves.

        Raises :class:`OperationError` for a component that must not end, or does not stay alive.
        """
        for component in self._components.values():
            if component.pid and not component.running() and component.name != "migration":
                if not self._may_revive(component):
                    raise component.death()
                self._revive(component)

    def _may_revive(self, component: Component) -> bool:
        """Return whether to start it again; while the stack is starting, an end is an error instead."""
        restarts = component.spec.restarts
        if time.time() - component.started_at > SHORT_LIFE:
            self._revived[component.name] = 0
        lives = self._ready and self._revived[component.name] < REVIVALS
        return restarts is Restarts.ALWAYS or (restarts is Restarts.SOME and lives)

    def _revive(self, component: Component) -> None:
        """Start it again, at most once every few seconds."""
        if time.time() - component.started_at >= REVIVE_EVERY:
            logger.warning("%s", component.death())
            self._revived[component.name] += 1
            component.stop()
            if component.name == "postgres" and self._postgres is not None:
                self._postgres.prepare()
            component.start()

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Watch the components until ``until()`` holds.

        If a component cannot be kept alive, stop everything and raise its :class:`OperationError`.
        """
        while not until():
            try:
                self.check()
            except OperationError:
                self.stop()
                raise
            time.sleep(WATCH_EVERY)

    def stop(self, progress: Progress = silent) -> None:
        """Stop everything, in order and within bounded time.

        Does nothing without the home's lock, which may be held by another stack.
        """
        if not self._lock.held:
            return
        forget_info(self.settings.home)
        extras = [spec.name for spec in self._extra]
        for names in (extras, ["migration", *STOP_FIRST], ["api-server"], ["postgres"]):
            group = [self._components[name] for name in names if name in self._components]
            if group:
                with step(progress, f"stop {', '.join(component.name for component in group)}"):
                    _stop_together(group)
        self._finish()

    def abandon(self) -> None:
        """Kill everything now, at the second Ctrl-C. The database recovers at its next start."""
        if not self._lock.held:
            return
        forget_info(self.settings.home)
        now = time.monotonic()
        for component in self._components.values():
            component.finish(now)
        self._finish()

    def _finish(self) -> None:
        kill_all(left_over(self._records.read(), self._mark))
        self._components.clear()
        self._records.clear()
        self._lock.release()

    def kill(self, name: str) -> None:
        """Kill the leader of one component, to test a crash."""
        self._known(name).kill()

    def restart(self, name: str) -> None:
        """Stop one component in any state, start it again and wait until it is ready."""
        component = self._known(name)
        component.stop()
        component.start()
        self._await(component)

    def component(self, name: str) -> Component:
        """Return one component, such as for its log. Raises :class:`OperationError` for an unknown name."""
        return self._known(name)

    def _known(self, name: str) -> Component:
        if name not in self._components:
            raise OperationError(f"no component {name!r}; there are {', '.join(self._components) or 'none'}")
        return self._components[name]

    def __enter__(self) -> Self:
        """Start without showing progress."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _stop_together(group: list[Component]) -> None:
    for component in group:
        component.ask_to_stop()
    now = time.monotonic()
    for component in group:
        component.finish(now + component.spec.grace)


def migrate_ledger(dsn: str, application: str = LEDGER_APPLICATION) -> None:
    """Migrate the ledger as its owner, and grant the application's role what it needs.

    Raises :class:`OperationError` naming what failed.
    """
    from launch_pipeline.ledger.migrate import migrate  # noqa: PLC0415 - opens the database driver

    try:
        for name in migrate(dsn, application):
            logger.info("ledger migration %s applied", name)
    except LaunchError as error:
        message = f"the ledger could not be migrated: {error}"
        raise OperationError(message) from error


def airflow_version() -> str:
    """Return the installed version of Airflow, without importing it."""
    from importlib.metadata import version  # noqa: PLC0415

    return version("apache-airflow-core")


def looks_like_dags(path: Path) -> bool:
    """Return whether Airflow would parse the file: its heuristic looks for these two words."""
    with suppress(OSError):
        text = path.read_bytes().lower()
        return b"airflow" in text and b"dag" in text
    return False
