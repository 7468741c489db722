"""Close a phase: compare each item's state with its record, seal the phase, then open or fail.

Records come from the ledger alone. An XCom is no record: accounts may write XComs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from launch_pipeline.airflow.hooks.ledger import launches, ledger
from launch_pipeline.airflow.hooks.task_api import Instance, marked_by, task_instances
from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.pacing import pause
from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.airflow.policies.seals import unsealed_before
from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.overrides import checklist_digest
from launch_pipeline.errors import LaunchRefused, LedgerUnavailable, OperationError
from launch_pipeline.launch.item_records import ItemSpec, gate_record
from launch_pipeline.launch.reconcile import ItemState, Reconciled
from launch_pipeline.ledger.schema import OUTCOMES, Entry, EntryKind, Seal

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.ledger.schema import Record


class PhaseGateOperator(BaseOperator):
    """Open only when a record of the same task instance explains each item's state.

    The phase is sealed either way. The gate fails when an item is rejected (blocking), bypassed or not
    reached, when the checklist changed under the running launch, or when an earlier phase is no longer sealed
    complete. It waits while the ledger or the api-server is unreachable: no phase closes unrecorded.
    """

    ui_color = "#fff3cd"

    def __init__(self, *, specs: list[dict[str, Any]], phase_id: str, checklist: str, **kwargs: Any) -> None:
        super().__init__(**despite_accidents(), **kwargs)
        self.specs = [ItemSpec.model_validate(spec) for spec in specs]
        self.phase_id = phase_id
        self.checklist = checklist

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the seal of a complete phase; fail with the reasons otherwise."""
        try:
            seal = self._seal(context)
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        except (LedgerUnavailable, OperationError) as error:
            self.log.warning("The phase cannot be sealed yet, trying again in %s: %s", pause(), error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again")
        kept: dict[str, Any] = seal.model_dump(mode="json")
        context["ti"].xcom_push(key="return_value", value=kept)
        if not seal.complete:
            raise AirflowFailException("\n".join(("The phase is not complete:", *seal.problems)))
        return kept

    def again(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on after a pause."""
        del event
        return self.execute(context)

    def _seal(self, context: Context) -> Seal:
        ti = context["ti"]
        launch = launch_in(context)
        reconciled = Reconciled(tuple(self._states(context)))
        by_ref = {spec.ref: spec for spec in self.specs}
        records = [
            state.valid_record or gate_record(by_ref[state.item_ref], launch, state, ti)
            for state in reconciled.items
        ]
        seal = reconciled.seal(
            launch_id=launch.launch_id,
            dag_id=ti.dag_id,
            phase_id=self.phase_id,
            records=records,
            also=(*self._changed(launch.launch_id, ti.dag_id), *_reopened(launch.launch_id, ti.dag_id)),
            checklist_digest=self.specs[0].checklist_digest,
            sealed_at=ti.start_date,
            try_number=ti.try_number,
        )
        entries = [*_entries(records, reconciled, seal), Entry.of_seal(seal, str(ti.id))]
        ledger().append_in_course(entries)
        return seal

    def _states(self, context: Context) -> list[ItemState]:
        ti = context["ti"]
        instances = task_instances(ti.dag_id, ti.run_id)
        records = _records(ti.run_id, ti.dag_id)
        return [self._state(ti, spec, instances, records) for spec in self.specs]

    def _state(
        self, ti: Any, spec: ItemSpec, instances: dict[str, Instance], records: dict[str, Record]
    ) -> ItemState:
        name = spec.task_id
        # Airflow has no instance of an item that was added to the checklist after the run began.
        instance = instances.get(name) or Instance(f"{ti.dag_id}/{ti.run_id}/{name}", None, 0)
        state = ItemState(
            item_ref=spec.ref,
            text=spec.item.text,
            severity=spec.item.severity,
            task_instance_id=instance.id,
            state=instance.state,
            changed_by_hand=None,
            record=records.get(instance.id),
        )
        return replace(state, changed_by_hand=self._marked_by(ti, name)) if state.bypassed else state

    def _marked_by(self, ti: Any, task_id: str) -> str | None:
        """Return who marked a task by hand, None where that cannot be read. The phase fails either way."""
        try:
            return marked_by(ti.dag_id, ti.run_id, task_id)
        except OperationError as error:
            self.log.warning("Who marked %s by hand cannot be read: %s", task_id, error)
            return None

    def _changed(self, launch_id: str, dag_id: str) -> tuple[str, ...]:
        """Return a problem if the checklist is not the one that the launch started with."""
        began = launches().get(launch_id).checklist_digests.get(dag_id)
        now = checklist_digest(checklist_folder() / self.checklist)
        if {now, self.specs[0].checklist_digest} != {began}:
            return (f"{self.checklist} was changed after the launch began; start a new launch with it.",)
        return ()


def _records(launch_id: str, dag_id: str) -> dict[str, Record]:
    """Return the latest record of each item of a phase, by the task instance that it names."""
    mine = [e for e in ledger().entries(launch_id) if e.dag_id == dag_id and e.kind in OUTCOMES]
    latest = {entry.item_ref: entry.record for entry in mine if entry.record}
    return {record.task_instance_id: record for record in latest.values()}


def _reopened(launch_id: str, dag_id: str) -> tuple[str, ...]:
    """Return a sentence for each earlier phase that is no longer sealed complete."""
    return unsealed_before(launches().get(launch_id), dag_id)


def _entries(records: list[Record], reconciled: Reconciled, seal: Seal) -> list[Entry]:
    # Records that the items appended themselves stay as they are.
    entries = [Entry.of_record(record) for record in records]
    by_ref = {state.item_ref: state for state in reconciled.items}
    for ref in reconciled.bypasses:
        state = by_ref[ref]
        content = {
            "state": state.state,
            "text": state.text,
            "by": state.changed_by_hand,
            "seen_by_gate_at": seal.sealed_at.isoformat(),
        }
        entries.append(
            Entry(
                kind=EntryKind.BYPASS,
                launch_id=seal.launch_id,
                dag_id=seal.dag_id,
                item_ref=ref,
                task_instance_id=state.task_instance_id,
                try_number=seal.try_number,
                content=content,
            )
        )
    return entries
