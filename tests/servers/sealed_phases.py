"""Seals of phases that came before, as their gates leave them: whole, of today's checklists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Json

from launch_pipeline.checklist.sequence import preceding
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.schema import Entry, Outcome, SealedRecord
from servers.item_tasks import change_launch
from servers.records import a_seal

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from launch_pipeline.ledger.schema import Seal
    from servers.airflow_rest import AirflowRest

LAUNCH = "shop-1.2"


def whole_seal(dag_id: str, **changes: Any) -> Seal:
    """Make the complete seal of a shipped phase: every item approved, under its checklist of now."""
    dag = deployed_dags()[dag_id]
    records = tuple(
        SealedRecord(
            item_ref=spec.ref,
            outcome=Outcome.APPROVED,
            task_instance_id=f"ti-{spec.ref}",
            digest="sha256:" + "d" * 64,
        )
        for spec in dag.specs.values()
    )
    return a_seal(
        launch_id=LAUNCH,
        dag_id=dag_id,
        **{
            "counts": {Outcome.APPROVED: len(records)},
            "records": records,
            "checklist_digest": dag.digest,
            **changes,
        },
    )


def seal_before(dag_id: str, ledger: Ledger, rest: AirflowRest, dsn: str, but: str = "") -> None:
    """Seal all that precedes a step, except for one phase where one is named."""
    begin_with_these_checklists(dsn)
    for before in preceding(dag_id):
        if before != but:
            ledger.append(Entry.of_seal(whole_seal(before), f"gate-{before}"))
            rest.instances(before, LAUNCH, {"phase_gate": (f"gate-{before}", "success")})


def begin_with_these_checklists(dsn: str, **digests: str) -> None:
    """Let the launch have begun with the checklists as they are now, and the ones named."""
    shipped = {dag_id: dag.digest for dag_id, dag in deployed_dags().items()}
    change_launch(dsn, checklist_digests=Json({**shipped, **digests}))
