"""Compute how long a task must rest between a worker and its next event.

The supervisor of a worker notices the end of its process at the next heartbeat, and then reports to the
scheduler. If the task runs again before the scheduler reads that report, the scheduler takes it for a crash
and begins another try, which would ask people again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.configuration import conf

REPORT_TIME = timedelta(seconds=1)
"""Time from the end of a worker's process until the scheduler has its report."""

SHORTEST_PAUSE = timedelta(seconds=5)
"""Shortest pause before an unreachable ledger or api-server is asked again."""


def worker_lag() -> timedelta:
    """Return the time after which the scheduler knows that a worker has handed its task on."""
    return timedelta(seconds=conf.getint("workers", "min_heartbeat_interval")) + REPORT_TIME


def pause() -> timedelta:
    """Return the pause before an unreachable service is asked again."""
    return max(SHORTEST_PAUSE, 2 * worker_lag())
