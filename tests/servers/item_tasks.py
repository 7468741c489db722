"""Items of a small checklist as tasks, and evidence for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from airflow.sdk import DAG
from psycopg import sql

from launch_pipeline.airflow.operators.checklist_item import ChecklistItemOperator
from launch_pipeline.checklist.overrides import checklist_digest
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.launch.item_records import ItemSpec
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.schema import EntryKind
from servers.airflow_task import Task
from servers.include_folder import INCLUDE
from servers.records import a_result

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from launch_pipeline.ledger.schema import LedgerEntry
    from servers.airflow_task import Supervisor

CHECKLIST = INCLUDE / "checklists" / "01_pre_launch_requirements.yaml"
DIGEST = checklist_digest(CHECKLIST)
REASON = "not needed for this release"
HEALTH = {"http_request": {"path": "/health"}}
JUNIT = {"report": {"uri": "${reports}/junit.xml", "format": "junit", "subject": ""}}
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
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
    return ItemSpec(ref=ref, phase_id="week_1", checklist_digest=DIGEST, item=fields)


def a_task(supervisor: Supervisor, *, moments: tuple[Any, ...] = (), **item: Any) -> Task:
    """Make the task of ``a_spec(**item)`` in the Dag ``week_1``, of the launch of ``a_launch()``."""
    spec = a_spec(**item).model_copy(update={"moments": moments})
    with DAG("week_1", schedule=None):
        operator = ChecklistItemOperator(task_id=f"security.{spec.item.id}", spec=spec.payload())
    return Task(supervisor, operator, conf=CONF)


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
    made = Evidence.of(str(task.id), [seen])
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
