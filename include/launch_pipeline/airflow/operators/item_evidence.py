"""Store and read the evidence of a worker's own task, and say how often its checks repeat."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.in_force import settings_of
from launch_pipeline.airflow.hooks.ledger import evidence_table
from launch_pipeline.airflow.triggers.run_checks import observe_once
from launch_pipeline.approvals.deployed import known_contacts, policy
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.checks.engine.product import with_readable_product
from launch_pipeline.errors import ConfigurationError, LaunchError, LedgerUnavailable
from launch_pipeline.launch.evidence import EVIDENCE_KEY, Evidence, asked_on, read_evidence
from launch_pipeline.launch.in_force import names_in_force

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from airflow.sdk import Context

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec

log = logging.getLogger(__name__)


def look(spec: ItemSpec, context: Context, launch: LaunchContext) -> Evidence:
    """Run the checks of an item once, in this worker. Errors become inconclusive evidence.

    Raises LedgerUnavailable.
    """
    instance = str(context["ti"].id)
    try:
        return asyncio.run(observe_once(spec.item, launch, settings_of(launch), instance))
    except LedgerUnavailable:
        raise
    except LaunchError as error:
        # A broken environment file: ask a person and show the reason, as the triggerer does.
        log.warning("The checks could not run: %s", error)
        return Evidence.inconclusive(instance, str(error))


def names_of(spec: ItemSpec, launch: LaunchContext) -> dict[str, str]:
    """Return what a record of an item would rest on now; empty where that cannot be told.

    Raises LedgerUnavailable.
    """
    try:
        return names_in_force(settings_of(launch), launch, spec.item, known_contacts())
    except ConfigurationError as error:
        log.warning("What the item rests on cannot be told: %s", error)
        return {}


def variables_of(launch: LaunchContext) -> dict[str, Any]:
    """Return the variables that fill the texts of a request. Raises LedgerUnavailable."""
    try:
        return settings_of(launch).filled(launch.variables())
    except ConfigurationError:
        # The item's checks tell of the mistake; a request must reach its person all the same.
        return with_readable_product(launch.variables())


def show(context: Context, launch: LaunchContext, evidence: Evidence) -> None:
    """Store evidence in the ledger's database, where the guard reads it, with a copy for Airflow's pages.

    Raises LedgerUnavailable.
    """
    evidence_table().write(launch.launch_id, evidence.task_instance_id, evidence.payload())
    context["ti"].xcom_push(key=EVIDENCE_KEY, value=evidence.payload())


def note_asked(context: Context, launch: LaunchContext, names: Mapping[str, str]) -> None:
    """Store what a request without checks rests on, where others have their evidence.

    Raises LedgerUnavailable.
    """
    instance = str(context["ti"].id)
    noted = {"task_instance_id": instance, "rests_on": dict(names)}
    evidence_table().write(launch.launch_id, instance, noted)


def asked(context: Context) -> Mapping[str, str]:
    """Return what the latest request or look of this task instance rests on. Raises LedgerUnavailable."""
    return asked_on(evidence_table().read(str(context["ti"].id)))


def latest(context: Context) -> Evidence | None:
    """Return the latest evidence of this task instance. Raises LedgerUnavailable."""
    instance = str(context["ti"].id)
    return read_evidence(evidence_table().read(instance), instance)


def recheck_every(launch: LaunchContext) -> timedelta:
    """Return the interval between two runs of failing checks. Raises LedgerUnavailable."""
    try:
        return environment_or_default(launch).recheck or policy().recheck
    except ConfigurationError:
        return Policy().recheck


def environment_or_default(launch: LaunchContext) -> Environment:
    """Return the environment, or its defaults while its file is broken, which the checks report.

    Raises LedgerUnavailable.
    """
    try:
        return settings_of(launch).environment
    except ConfigurationError:
        return Environment(name=launch.environment)
