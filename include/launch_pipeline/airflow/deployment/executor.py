"""Airflow's local executor, which does not go on with some of its workers, and whose tasks begin sooner."""

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
"""Half a second for each task that begins, of which a launch has hundreds."""


class FailFastLocalExecutor(LocalExecutor):
    """Ends the scheduler when one of its workers was killed; whoever supervises it starts it anew.

    Workers read one queue. One that is killed while it waits there takes the queue's lock along: no other
    worker gets a task any more, however many there are. One that is killed while a task runs leaves this
    task without a sign of life for minutes. A scheduler that starts takes over what was queued or under way.
    """

    def start(self) -> None:
        """Fork the workers, once what every task of ours needs is imported: else each task does it anew."""
        for name in PRELOADED:
            try:
                importlib.import_module(name)
            except Exception:
                # Its tasks will say so; those of other Dags must go on.
                self.log.exception("%s cannot be imported", name)
        super().start()

    def sync(self) -> None:
        """Read what workers have done. Raises OperationError where one of them is gone."""
        self._require_all()
        super().sync()

    def end(self) -> None:
        """Let workers finish; where one is gone the others may never read that they should."""
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
            message = f"workers {lost} of the scheduler were killed; it ends, to be started again with all."
            raise OperationError(message)

    def _lost(self) -> list[int | None]:
        return [worker.pid for worker in self.workers.values() if not worker.is_alive()]


def _end(pids: Iterable[int]) -> None:
    """Kill processes with everything that they have started: a task must not outlive its worker."""
    for pid in pids:
        with suppress(psutil.Error):
            worker = psutil.Process(pid)
            for process in [worker, *worker.children(recursive=True)]:
                with suppress(psutil.Error):
                    process.kill()
