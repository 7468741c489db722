"""Close a phase: compare each item's state with its record, seal the phase, then open or fail.

Records come from the ledger alone. An XCom is no record: accounts may write XComs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from launch_pipeline.airflow.hooks.in_force import dag_of
from launch_pipeline.airflow.hooks.ledger import launches, ledger
from launch_pipeline.airflow.hooks.task_api import Instance, marked_by, task_instances
from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.pacing import pause
from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.airflow.policies.seals import in_force, refuse_unsealed_before
from launch_pipeline.errors import LaunchRefused, LedgerUnavailable, OperationError, PhaseReopened
from launch_pipeline.launch.item_records import gate_record
from launch_pipeline.launch.reconcile import ItemState, Reconciled
from launch_pipeline.launch.standing import latest_records, not_done_again, stale
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome, Seal

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import LedgerEntry, Record

PATIENCE = 12
"""How many pauses a gate waits for the watch to reopen what is stale, about two minutes."""


class PhaseGateOperator(BaseOperator):
    """Open only when a record of the same task instance explains each item's state.

    The items are those that the launch has, whatever today's checklist says. The phase is sealed either way.
    The gate fails when an item is rejected (blocking), bypassed or not reached, or when an earlier phase does
    not stand. It waits while the ledger or the api-server is unreachable, since no phase closes unrecorded,
    and while this phase or an earlier one is verified again, unless a person said no.
    """

    ui_color = "#fff3cd"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**despite_accidents(), **kwargs)

    def execute(self, context: Context, waited: int = 0) -> dict[str, Any]:
        """Return the seal of a complete phase; fail with the reasons otherwise."""
        try:
            seal = self._seal(context, patient=waited < PATIENCE)
        except PhaseReopened as reopened:
            self.log.warning("The phase is not sealed yet. %s", reopened)
            waited = waited + 1 if isinstance(reopened, _NotReopenedYetError) else 0
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again", kwargs={"waited": waited})
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

    def again(self, context: Context, event: Any = None, waited: int = 0) -> dict[str, Any]:
        """Go on after a pause."""
        del event
        return self.execute(context, waited)

    def _seal(self, context: Context, *, patient: bool) -> Seal:
        ti = context["ti"]
        # The rows come first: the ledger refuses the seal if the launch has changed since.
        entries = ledger().entries(ti.run_id)
        launch = launch_in(context)
        before, again = _unsealed_before(launch, ti.dag_id)
        dag = dag_of(launch, ti.dag_id)
        by_ref = {spec.ref: spec for spec in dag.specs.values()}
        reconciled = Reconciled(tuple(self._states(ti, list(by_ref.values()), entries)))
        records = [
            state.valid_record or gate_record(by_ref[state.item_ref], launch, state, ti)
            for state in reconciled.items
        ]
        # A phase with a person's no, such as a No go, does not wait for what is verified again.
        waits = all(record.outcome is not Outcome.REJECTED for record in records)
        if again and waits:
            raise PhaseReopened("\n".join(before))
        seal = reconciled.seal(
            launch_id=launch.launch_id,
            dag_id=ti.dag_id,
            phase_id=dag.plan.phase.id,
            records=records,
            also=(*_stale(launch, ti.dag_id, entries, patient=patient and waits), *before),
            checklist_digest=dag.digest,
            sealed_at=ti.start_date,
            try_number=ti.try_number,
        )
        rows = [*_entries(records, reconciled, seal), Entry.of_seal(seal, str(ti.id))]
        ledger().append_in_course(rows, seen=entries[-1].seq if entries else 0)
        return seal

    def _states(self, ti: Any, specs: list[ItemSpec], entries: list[LedgerEntry]) -> list[ItemState]:
        instances = task_instances(ti.dag_id, ti.run_id)
        records = {record.task_instance_id: record for record in latest_records(entries).values()}
        return [self._state(ti, spec, instances, records) for spec in specs]

    def _state(
        self, ti: Any, spec: ItemSpec, instances: dict[str, Instance], records: dict[str, Record]
    ) -> ItemState:
        name = spec.task_id
        # Airflow has no instance of an item that the checklist lost after the launch began.
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


def _stale(
    launch: LaunchContext, dag_id: str, entries: list[LedgerEntry], *, patient: bool
) -> tuple[str, ...]:
    """Return a problem for each record that no longer counts: what it rests on changed, or it was reopened.

    The launch's watch clears such items within seconds. Raises PhaseReopened if ``patient``.
    """
    said = {
        one.spec.ref: f"{one.spec.ref} rests on what has changed ({'; '.join(one.why)})."
        for one in stale(entries, in_force(launch, dag_id), dag_id)
    }
    for one in not_done_again(entries, dag_id):
        said[one.item_ref] = f"{one.item_ref} was reopened ({'; '.join(one.why)}) and has no record since."
    problems = tuple(f"{each} Clear it with downstream." for each in said.values())
    if problems and patient:
        raise _NotReopenedYetError("\n".join(problems))
    return problems


class _NotReopenedYetError(PhaseReopened):
    """The watch has not cleared an item yet."""


def _unsealed_before(launch: LaunchContext, dag_id: str) -> tuple[tuple[str, ...], bool]:
    """Return why earlier phases do not stand, if any, and whether that passes: they are verified again."""
    try:
        refuse_unsealed_before(launches().get(launch.launch_id), dag_id)
    except LaunchRefused as refused:
        return tuple(str(refused).splitlines()[1:]), isinstance(refused, PhaseReopened)
    return (), False


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
