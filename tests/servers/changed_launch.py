"""A launch of the shipped checklists in a real ledger, whose items passed, and are verified again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.launch.in_force import Settings, names_in_force
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.reopened import Cause, Reopened
from servers.records import a_record

if TYPE_CHECKING:
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import Record

SETTINGS = Settings(Environment(name="production"), {})


def start(dsn: str, launch_id: str, environment: str = "production") -> Launch:
    """Start a launch that runs by today's checklists, as its first task does."""
    dags = deployed_dags()
    launch = Launch(
        launch_id=launch_id,
        environment=environment,
        rehearsal=False,
        release="2.4.0",
        release_sha="a" * 40,
        launch_at=datetime.now(UTC) + timedelta(days=21),
        started_by="priya.product",
        conf={"release": "2.4.0", "previous_release": "2.3.1"},
        checklist_digests={dag_id: dag.digest for dag_id, dag in dags.items()},
        environment_digest=digest(SETTINGS.document),
    )
    documents = [*(dag.definition for dag in dags.values()), SETTINGS.document]
    return Launches(dsn).start(launch, launch_plan(dags, Policy()), documents)


def pinned_spec() -> ItemSpec:
    """Return an item of the first week whose checks use the release commit."""
    specs = next(iter(deployed_dags().values())).specs.values()
    return next(s for s in specs if any("${release_sha}" in str(c.params) for c in s.item.checks))


def dag_of(spec: ItemSpec) -> str:
    """Return the Dag of an item."""
    dags = deployed_dags().items()
    return next(dag_id for dag_id, dag in dags if dag.specs.get(spec.task_id) == spec)


def record_of(launch: Launch, spec: ItemSpec, **fields: Any) -> Record:
    """Make the record of an item that passed, with what it rests on."""
    names = names_in_force(SETTINGS, LaunchContext.of_launch(launch), spec.item, None)
    given = {
        "launch_id": launch.launch_id,
        "dag_id": dag_of(spec),
        "item_ref": spec.ref,
        "text": spec.item.text,
        "task_id": spec.task_id,
        "checklist_digest": spec.checklist_digest,
        "rests_on": names,
    }
    return a_record(**given | fields)


def reopened(spec: ItemSpec, instance: str, cause: Cause = Cause.NO_LONGER_TRUE, *why: str) -> Reopened:
    """Make an item that is verified again."""
    return Reopened(
        dag_id=dag_of(spec),
        item_ref=spec.ref,
        text=spec.item.text,
        owner=spec.item.owner,
        cause=cause,
        why=why or ("2 of 3 replicas are ready",),
        task_instance_id=instance,
    )
