"""Airflow's local executor, with two changes: it fails when a worker is lost, and its tasks start sooner."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
from airflow.executors.local_executor import LocalExecutor

from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import Iterable


PRELOADED = (
    "launch_pipeline.airflow.dags.conductor",
    "launch_pipeline.airflow.dags.phase",
    "launch_pipeline.airflow.notifiers.slack",
    "airflow.providers.slack.hooks.slack",
    "psycopg",
)
"""Imported once, before the workers fork: it saves half a second per task, and a launch has hundreds."""


class FailFastLocalExecutor(LocalExecutor):
    """Ends the scheduler when one of its workers was killed, so that its supervisor starts it again.

    All workers read one queue. A worker that is killed while it waits there still holds the queue's lock, and
    no other worker gets a task any more. One that is killed while it runs a task leaves that task without
    heartbeats for minutes. A scheduler that starts takes over the tasks that were queued or running.
    """

    def start(self) -> None:
        """Import what every task of ours needs, then fork the workers; else each task imports it again."""
        for name in PRELOADED:
            try:
                importlib.import_module(name)
            except Exception:
                # Tasks that need it will fail with this error; tasks of other Dags must go on.
                self.log.exception("%s cannot be imported", name)
        super().start()

    def sync(self) -> None:
        """Read the workers' results. Raises OperationError where a worker is gone."""
        self._require_all()
        super().sync()

    def end(self) -> None:
        """Let the workers finish; kill them if one is gone, as the others may never read the stop message."""
        if self._lost():
            _end(worker.pid for worker in self.workers.values() if worker.pid)
        else:
            super().end()

    def _check_workers(self) -> None:
        # Airflow forgets lost workers here, and starts others that wait for the same lock.
        self._require_all()
        super()._check_workers()

    def _require_all(self) -> None:
        if lost := self._lost():
            message = f"Workers {lost} of the scheduler were killed. It ends, to be started again with all."
            raise OperationError(message)

    def _lost(self) -> list[int | None]:
        return [worker.pid for worker in self.workers.values() if not worker.is_alive()]


def _end(pids: Iterable[int]) -> None:
    """Kill processes with all their children: a task must not outlive its worker."""
    for pid in pids:
        with suppress(psutil.Error):
            worker = psutil.Process(pid)
            for process in [worker, *worker.children(recursive=True)]:
                with suppress(psutil.Error):
                    process.kill()
