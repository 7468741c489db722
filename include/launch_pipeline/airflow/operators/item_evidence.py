"""Store and read the evidence of a worker's own task, and say how often its checks repeat."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.ledger import evidence_table
from launch_pipeline.airflow.triggers.run_checks import observe_once
from launch_pipeline.approvals.deployed import policy
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.errors import ConfigurationError, LaunchError
from launch_pipeline.launch.environments import environment_of
from launch_pipeline.launch.evidence import EVIDENCE_KEY, Evidence, read_evidence

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec

log = logging.getLogger(__name__)


def look(spec: ItemSpec, context: Context, launch: LaunchContext) -> Evidence:
    """Run the checks of an item once, in this worker. Errors become inconclusive evidence."""
    instance = str(context["ti"].id)
    try:
        return asyncio.run(observe_once(spec.payload()["item"], launch, instance))
    except LaunchError as error:
        # A broken environment file: ask a person and show the reason, as the triggerer does.
        log.warning("The checks could not run: %s", error)
        return Evidence.inconclusive(instance, str(error))


def show(context: Context, launch: LaunchContext, evidence: Evidence) -> None:
    """Store evidence in the ledger's database, where the guard reads it, with a copy for Airflow's pages.

    Raises LedgerUnavailable.
    """
    evidence_table().write(launch.launch_id, evidence.task_instance_id, evidence.payload())
    context["ti"].xcom_push(key=EVIDENCE_KEY, value=evidence.payload())


def latest(context: Context) -> Evidence | None:
    """Return the latest evidence of this task instance. Raises LedgerUnavailable."""
    instance = str(context["ti"].id)
    return read_evidence(evidence_table().read(instance), instance)


def recheck_every(launch: LaunchContext) -> timedelta:
    """Return the interval between two runs of failing checks."""
    try:
        return environment_or_default(launch).recheck or policy().recheck
    except ConfigurationError:
        return Policy().recheck


def environment_or_default(launch: LaunchContext) -> Environment:
    """Return the environment, or its defaults while its file is broken, which the checks report."""
    try:
        return environment_of(launch)
    except ConfigurationError:
        return Environment(name=launch.environment)
