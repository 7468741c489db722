"""Phases of a launch whose items have passed, as their tasks and gates leave them in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.vocabulary import Answer, Severity
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.launch.in_force import names_in_force, settings_in_force
from launch_pipeline.launch.item_records import GivenAnswer, decision_record, machine_record
from launch_pipeline.launch.reconcile import ItemState, Reconciled
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.reopened import Cause, Reopened, times_reopened
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.records import a_result

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.ledger import Ledger
    from launch_pipeline.ledger.schema import Record

LAUNCH = "shop-1.2"


class PassedPhases:
    """Writes the rows of phases of ``a_launch()``."""

    def __init__(self, ledger: Ledger, dsn: str) -> None:
        self.ledger, self.dsn = ledger, dsn
        self._tries: dict[str, int] = {}

    @property
    def launch(self) -> LaunchContext:
        return LaunchContext.of_launch(Launches(self.dsn).get(LAUNCH))

    def seal(self, *dag_ids: str) -> None:
        """Let every item of some phases pass, and seal the phases complete."""
        for dag_id in dag_ids:
            specs = deployed_dags()[dag_id].specs.values()
            records = [self.passed(dag_id, spec.ref) for spec in specs]
            self.seal_of(dag_id, records)

    def passed(self, dag_id: str, ref: str) -> Record:
        """Append the pass of an item, by its checks or by a person who holds its role."""
        spec = next(spec for spec in deployed_dags()[dag_id].specs.values() if spec.ref == ref)
        record = self._record(dag_id, spec)
        self.ledger.append(Entry.of_record(record))
        return record

    def seal_of(self, dag_id: str, records: list[Record], *problems: str) -> None:
        """Append a seal; with problems it is not complete."""
        number = self._next(dag_id)
        dag = deployed_dags()[dag_id]
        seal = Reconciled(tuple(_state(record) for record in records)).seal(
            launch_id=LAUNCH, dag_id=dag_id, phase_id=dag.plan.phase.id, records=records, also=problems,
            checklist_digest=dag.digest, sealed_at=datetime.now(UTC), try_number=number,
        )  # fmt: skip
        self.ledger.append(Entry.of_seal(seal, f"gate-{dag_id}-{number}"))

    def reopen(self, dag_id: str, ref: str, why: str, cause: Cause = Cause.NO_LONGER_TRUE) -> Reopened:
        """Append the row of an item that is verified again."""
        spec = next(spec for spec in deployed_dags()[dag_id].specs.values() if spec.ref == ref)
        made = Reopened(
            dag_id=dag_id, item_ref=ref, text=spec.item.text, owner=spec.item.owner, cause=cause, why=(why,),
            task_instance_id="",
        )  # fmt: skip
        number = times_reopened(self.ledger.entries(LAUNCH), ref) + 1
        self.ledger.append(made.entry(LAUNCH, number))
        return made

    def window_opened(self, dag_id: str) -> None:
        """Append the announcement of a window that opened."""
        content: dict[str, Any] = {
            "key": f"{LAUNCH}/window_opened/{dag_id}",
            "note": {"kind": "window_opened"},
        }
        entry = Entry(
            kind=EntryKind.ANNOUNCEMENT, launch_id=LAUNCH, dag_id=dag_id, task_instance_id=f"wait-{dag_id}",
            content=content,
        )  # fmt: skip
        self.ledger.append(entry)

    def _record(self, dag_id: str, spec: ItemSpec) -> Record:
        number = self._next(spec.ref)
        ti = SimpleNamespace(
            id=f"ti-{spec.ref}-{number}", dag_id=dag_id, task_id=spec.task_id, try_number=number
        )
        launch = self.launch
        names = names_in_force(settings_in_force(self.dsn, launch), launch, spec.item, contacts())
        results = [a_result(verdict=Verdict.PASSED)] if spec.item.mode.has_checks else []
        if not spec.item.mode.needs_person:
            return machine_record(spec, launch, ti, Evidence.of(ti.id, results, names))
        answer = GivenAnswer(option=Answer.APPROVE, airflow_user="", at=datetime.now(UTC))
        person: Person = contacts().holders(spec.item.owner)[0]
        return decision_record(spec, launch, ti, answer, person, tuple(results), names)

    def _next(self, name: str) -> int:
        self._tries[name] = self._tries.get(name, 0) + 1
        return self._tries[name]


def _state(record: Record) -> ItemState:
    state = "success" if record.outcome.lets_pass else "failed"
    return ItemState(
        record.item_ref, record.text, Severity.BLOCKING, record.task_instance_id, state, None, record
    )
