"""What a worker keeps and reads of the evidence of its own task, and how often it looks again."""

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
    """Run the checks of an item once, in this worker; whatever goes wrong is in the evidence."""
    instance = str(context["ti"].id)
    try:
        return asyncio.run(observe_once(spec.payload()["item"], launch, instance))
    except LaunchError as error:
        # A broken environment file: as in the triggerer, a person is asked and told why.
        log.warning("The checks could not run: %s", error)
        return Evidence.inconclusive(instance, str(error))


def show(context: Context, launch: LaunchContext, evidence: Evidence) -> None:
    """Keep what the checks saw where the guard reads it, with a copy for Airflow's own pages.

    Raises LedgerUnavailable.
    """
    evidence_table().write(launch.launch_id, evidence.task_instance_id, evidence.payload())
    context["ti"].xcom_push(key=EVIDENCE_KEY, value=evidence.payload())


def latest(context: Context) -> Evidence | None:
    """What was seen last of this very task instance. Raises LedgerUnavailable."""
    instance = str(context["ti"].id)
    return read_evidence(evidence_table().read(instance), instance)


def recheck_every(launch: LaunchContext) -> timedelta:
    """How long to wait between two looks at a failing check."""
    try:
        return environment_or_default(launch).recheck or policy().recheck
    except ConfigurationError:
        return Policy().recheck


def environment_or_default(launch: LaunchContext) -> Environment:
    """The environment, or its defaults while its file is broken: the checks name what is wrong."""
    try:
        return environment_of(launch)
    except ConfigurationError:
        return Environment(name=launch.environment)
