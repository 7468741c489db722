"""Launches that began with the checklists of an include folder, and answers that they have got."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.checks.canonical import digest
from launch_pipeline.launch.basis import rests_on
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.launch.in_force import deployed_settings
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry
from servers.records import a_record, a_seal

if TYPE_CHECKING:
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import Record
    from servers.include_folder import IncludeFolder

RELEASE, COMMIT = "1.2.0", "a" * 40


def admitted(dsn: str, include: IncludeFolder, **fields: Any) -> Launch:
    """Let a launch begin with today's files, as ``admit`` does, in an environment of its own."""
    name = f"shop-{uuid.uuid4().hex[:12]}"
    include.environment(name, variables={"domain": "shop.example.org"})
    launch = a_launch(name, **fields)
    dags, settings = deployed_dags(), deployed_settings(name)
    filled = settings.filled(LaunchContext.of_launch(launch).variables())
    began = launch.model_copy(
        update={
            "checklist_digests": {dag_id: dag.digest for dag_id, dag in dags.items()},
            "environment_digest": digest(settings.document),
        }
    )
    definitions = [*(dag.definition for dag in dags.values()), settings.document]
    return Launches(dsn).start(began, launch_plan(dags, policy(), filled), definitions)


def of_an_older_package(dsn: str, include: IncludeFolder) -> Launch:
    """Let a launch be under way that began before definitions were stored."""
    name = f"shop-{uuid.uuid4().hex[:12]}"
    include.environment(name)
    dags = deployed_dags()
    digests = {dag_id: dag.file_digest for dag_id, dag in dags.items()}
    return Launches(dsn).start(a_launch(name, checklist_digests=digests), launch_plan(dags, policy()))


def a_launch(name: str, **fields: Any) -> Launch:
    """Build a launch in an environment of its name."""
    of_a_launch: dict[str, Any] = {
        "launch_id": name,
        "environment": name,
        "rehearsal": False,
        "release": RELEASE,
        "release_sha": COMMIT,
        "launch_at": datetime.now(UTC) + timedelta(days=9),
        "started_by": "noor.network",
    }
    return Launch(**{**of_a_launch, **fields})


def find(**wanted: Any) -> tuple[str, ItemSpec]:
    """Return Dag and spec of the first shipped item that is as wanted.

    ``uses`` names a variable that it uses, ``not_`` one that it does not use.
    """
    uses, not_ = (f"variable:{wanted.pop(name, '')}" for name in ("uses", "not_"))
    variables = deployed_settings("").filled({})
    for dag_id, dag in deployed_dags().items():
        for spec in dag.specs.values():
            names = rests_on(spec.item, variables).keys()
            right = all(getattr(spec.item, name) == value for name, value in wanted.items())
            if right and uses in {"variable:", *names} and not_ not in names:
                return dag_id, spec
    raise LookupError(str(wanted))


def answered(dsn: str, launch: Launch, dag_id: str, spec: ItemSpec, **fields: Any) -> Record:
    """Record that an item passed, on what is in force today."""
    variables = deployed_settings(launch.environment).filled(LaunchContext.of_launch(launch).variables())
    of_the_item: dict[str, Any] = {
        "launch_id": launch.launch_id,
        "environment": launch.environment,
        "dag_id": dag_id,
        "task_id": spec.task_id,
        "item_ref": spec.ref,
        "task_instance_id": str(uuid.uuid4()),
        "checklist_digest": spec.checklist_digest,
        "rests_on": rests_on(spec.item, variables, contacts()),
    }
    record = a_record(**{**of_the_item, **fields})
    Ledger(dsn).append(Entry.of_record(record))
    return record


def sealed(dsn: str, launch: Launch, dag_id: str, *records: Record) -> None:
    """Seal a phase complete with some records."""
    seal = a_seal(*records, launch_id=launch.launch_id, dag_id=dag_id)
    Ledger(dsn).append(Entry.of_seal(seal, f"gate-{uuid.uuid4()}"))
