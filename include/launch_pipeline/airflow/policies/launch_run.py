"""Find the launch of a run in the ledger, and refuse a run that does not match it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from launch_pipeline.airflow.hooks.ledger import current_launch, find_launch, launches
from launch_pipeline.checklist.sequence import ROLLBACK, title
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.context import LaunchContext

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.ledger.launch import Launch

CONDUCTORS_TYPE = "operator_triggered"
"""Run type of a run that a task triggered. A run that a person triggers has another."""
_FOREIGN = "so nothing in it counts. Start another launch, under an id that no run has."


def launch_in(context: Context, *, over_too: bool = False) -> LaunchContext:
    """Return the launch of a worker's task; with ``over_too`` also one that is over.

    Fails the task if its run belongs to no launch. Raises LedgerUnavailable.
    """
    run = context["dag_run"]
    try:
        return launch_of(run, launches().find(run.run_id), over_too=over_too)
    except LaunchRefused as refused:
        raise AirflowFailException(str(refused)) from refused


async def alaunch_in(ti: Any, *, fresh: bool = False) -> LaunchContext:
    """Return the launch of a trigger's task: cached for a few seconds, or read now with ``fresh``.

    Raises LaunchRefused, LedgerUnavailable.
    """
    launch = await (find_launch if fresh else current_launch)(ti.run_id)
    return launch_of(ti.get_template_context()["dag_run"], launch)


def launch_of(run: Any, launch: Launch | None, *, over_too: bool = False) -> LaunchContext:
    """Return the launch of a phase's run.

    Raises LaunchRefused where the run was not triggered by the conductor of a launch that goes on, or has
    another configuration than this launch was admitted with. A launch that is over can still be rolled back.
    """
    where = f"The run {run.run_id!r} of {title(run.dag_id)}"
    if launch is None:
        raise LaunchRefused(f"{where} belongs to no launch: start one from the form of {title('launch')}.")
    if problem := strangeness(run.run_type, run.conf, launch):
        raise LaunchRefused(f"{where} {problem}")
    if launch.over and not over_too and run.dag_id != ROLLBACK:
        raise LaunchRefused(f"{where} cannot go on: its launch is over ({launch.state}).")
    return LaunchContext.of_launch(launch)


def strangeness(run_type: str, conf: Any, launch: Launch) -> str | None:
    """Return why a run under a launch's id is not its own, or None."""
    if run_type != CONDUCTORS_TYPE:
        return f"was triggered by hand and not by its launch, {_FOREIGN}"
    if dict(conf or {}) != launch.conf:
        return f"has another configuration than its launch was admitted with, {_FOREIGN}"
    return None
