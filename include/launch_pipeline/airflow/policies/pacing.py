"""How long a task must rest between a worker and what comes next.

When a task is handed from a worker to a trigger or a person, the worker's process ends a little later: its
supervisor may notice only at its next heartbeat, and then reports to the scheduler. If the task is running
again before this report is read, the scheduler takes it for a crash and begins another try, which would ask
people again for what they have answered.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.configuration import conf

REPORT_TIME = timedelta(seconds=1)
"""From the end of a worker's process to its report in the scheduler's hands."""

SHORTEST_PAUSE = timedelta(seconds=5)
"""Before something that was away (ledger, api-server) is asked again."""


def worker_lag() -> timedelta:
    """Time after which a worker that handed its task on has been heard of."""
    return timedelta(seconds=conf.getint("workers", "min_heartbeat_interval")) + REPORT_TIME


def pause() -> timedelta:
    """How long to wait before something that was away is asked again."""
    return max(SHORTEST_PAUSE, 2 * worker_lag())
