"""Items of a small checklist as tasks, and evidence for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from airflow.sdk import DAG
from psycopg import sql
from psycopg.types.json import Json

from launch_pipeline.airflow.operators.checklist_item import ChecklistItemOperator
from launch_pipeline.checklist.model import Phase
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import definition_of
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.launch.in_force import deployed_settings, names_in_force
from launch_pipeline.launch.item_records import ItemSpec
from launch_pipeline.ledger.definitions import store_definitions
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.schema import EntryKind
from servers.airflow_task import Task
from servers.records import a_result

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from launch_pipeline.ledger.schema import LedgerEntry
    from servers.airflow_task import Supervisor

REASON = "not needed for this release"
HEALTH = {"http_request": {"path": "/health"}}
JUNIT = {"report": {"uri": "${reports}/junit.xml", "format": "junit", "subject": ""}}
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
TODAY = "sha256:" + "0" * 64
"""The digest of today's checklist, which no record of a launch names: it has its own."""
CONF = {"environment": "test", "release": "1.2.0", "started_by": "kim.kubernetes"}


def a_spec(**item: Any) -> ItemSpec:
    """Make the spec of an approval by the Security Lead (Sven, backup Selma); any field changed by name."""
    fields: dict[str, Any] = {
        "id": "tls",
        "text": "TLS certificates are valid",
        "mode": "approval",
        "owner": "security_lead",
        "how": "Look at the certificates.",
        "on_failure": "Renew them.",
        **item,
    }
    if fields["mode"] != "approval":
        fields.setdefault("checks", [HEALTH])
    if fields["mode"] != "check":
        fields.setdefault("question", "Are they valid?")
    ref = f"week_1.security.{fields['id']}"
    return ItemSpec(ref=ref, phase_id="week_1", checklist_digest=TODAY, item=fields)


def a_task(supervisor: Supervisor, *, moments: tuple[Any, ...] = (), known: bool = True, **item: Any) -> Task:
    """Make the task of ``a_spec(**item)`` in the Dag ``week_1``, of the launch of ``a_launch()``.

    The launch has the item in its definitions, if it was started and ``known`` is true.
    """
    spec = a_spec(**item).model_copy(update={"moments": moments})
    if supervisor.ledger_dsn and known:
        take_in(supervisor.ledger_dsn, spec)
    with DAG("week_1", schedule=None):
        operator = ChecklistItemOperator(task_id=f"security.{spec.item.id}", spec=spec.payload())
    return Task(supervisor, operator, conf=CONF)


def take_in(dsn: str, *specs: ItemSpec, dag_id: str = "week_1") -> str:
    """Let the launches of a database have more items in the Dag ``week_1``; return its digest.

    With ``dag_id`` that Dag has them as well.
    """
    with psycopg.connect(dsn) as connection:
        items = {**_taken_in(connection), **{spec.item.id: _written(spec) for spec in specs}}
        document = definition_of(_phase(list(items.values()), dag_id))
        store_definitions(connection, [document])
        connection.execute(_SET_DIGEST, [Json({dag_id: digest(document)})])
    return digest(document)


_SET_DIGEST = """
    UPDATE launch.launches SET checklist_digests = (checklist_digests::jsonb || %s::jsonb)::json
"""
_DEFINITION = """
    SELECT d.content FROM launch.definitions d JOIN launch.launches l
    ON d.digest = l.checklist_digests ->> 'week_1' LIMIT 1
"""


def _taken_in(connection: Any) -> dict[str, Any]:
    row = connection.execute(_DEFINITION).fetchone()
    return {item["id"]: item for item in row[0]["sections"][0]["items"]} if row else {}


def _written(spec: ItemSpec) -> dict[str, Any]:
    item = spec.item.model_dump(mode="json", exclude_defaults=True)
    moments = [moment.model_dump(mode="json") for moment in spec.moments]
    return {**item, **({"opens": moments[0]} if moments else {})}


def week_1_digest(dsn: str) -> str:
    """Return the digest of the definition that ``a_launch()`` has of the Dag ``week_1``."""
    return Launches(dsn).get("shop-1.2").checklist_digests["week_1"]


def _phase(items: list[Any], dag_id: str) -> Phase:
    words = {"id": "week_1", "title": "Week 1", "when": "Week 1", "description": "One section."}
    section = {"id": "security", "title": "Security", "items": items}
    return Phase.model_validate({"schema_version": 1, "dag": dag_id, **words, "sections": [section]})


def a_launch(**changes: Any) -> Launch:
    """Make a launch of tomorrow in the environment ``test``; any field changed by name."""
    fields: dict[str, Any] = {
        "launch_id": "shop-1.2",
        "environment": "test",
        "rehearsal": False,
        "release": "1.2.0",
        "release_sha": "a" * 40,
        "launch_at": TOMORROW,
        "started_by": "kim.kubernetes",
        "conf": CONF,
    }
    return Launch(**{**fields, **changes})


def entries(ledger: Ledger, kind: EntryKind | None = None) -> list[LedgerEntry]:
    """Give what was kept of ``a_launch()`` since it began."""
    kept = ledger.entries("shop-1.2", kind)
    return [entry for entry in kept if entry.kind is not EntryKind.LAUNCH_STARTED]


def change_launch(dsn: str, **columns: Any) -> None:
    """Write other facts into the row of ``a_launch()``, as another launch of that id would have them."""
    with psycopg.connect(dsn) as connection:
        for name, value in columns.items():
            statement = sql.SQL("UPDATE launch.launches SET {} = %s").format(sql.Identifier(name))
            connection.execute(statement, [value])


def evidence(
    task: Task, verdict: str = "passed", age: timedelta = timedelta(), **result: Any
) -> dict[str, Any]:
    """Make what a look of this very task instance says, as a trigger sends it."""
    headline = result.pop("headline", f"the check {verdict}")
    seen = a_result(verdict=Verdict(verdict), headline=headline, **result)
    launch = LaunchContext.of_launch(a_launch())
    names = names_in_force(deployed_settings("test"), launch, task.operator.spec.item, None)
    made = Evidence.of(str(task.id), [seen], names)
    return made.model_copy(update={"observed_at": datetime.now(UTC) - age}).payload()


def saw(task: Task, payload: dict[str, Any]) -> None:
    """Keep what the checks of a task saw beside its open request, as its trigger does."""
    EvidenceTable(task.supervisor.ledger_dsn).write(task.run_id, str(task.id), payload)


def asked(task: Task, verdict: str = "passed", age: timedelta = timedelta()) -> Task:
    """Bring a task to its open request: with checks, on evidence of that verdict and age."""
    if task.operator.spec.item.mode.has_checks:
        task.resume(evidence(task, verdict, age))
    else:
        task.start()
    return task
