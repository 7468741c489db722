"""Let items be verified again: a row for each in the ledger, then a clear of their tasks.

The rows come first: from then on no gate counts the seals of these phases. A clear that fails is made up for
by the next look, which finds the tasks as they were.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.ledger import aledger_dsn
from launch_pipeline.airflow.hooks.task_api import aairflow_api
from launch_pipeline.airflow.policies.seals import GATE
from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO
from launch_pipeline.launch.again import note_text
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import times_reopened
from launch_pipeline.ledger.schema import OUTCOMES, EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.ledger.reopened import Reopened
    from launch_pipeline.ledger.schema import LedgerEntry

log = logging.getLogger(__name__)

ANNOUNCE = "announce"
VERIFY_AGAIN = "verify_again"
"""The first task of the go/no-go, which looks at every phase before the decisions open."""
_CLOSING = (GATE, ANNOUNCE)


async def areopen(launch_id: str, items: Sequence[Reopened], gates: Iterable[str] = ()) -> None:
    """Reopen items, and let the phases of ``gates`` be sealed again. For triggers.

    The same items again change nothing while they are open. Raises LedgerUnavailable, LaunchRefused where the
    launch is over, OperationError where Airflow does not answer.
    """
    book = Ledger(await aledger_dsn())
    await asyncio.to_thread(_append, book, launch_id, items)
    api = await aairflow_api()
    cleared: dict[str, list[Reopened]] = {dag_id: [] for dag_id in gates}
    for one in items:
        cleared.setdefault(one.dag_id, []).append(one)
    for dag_id, mine in cleared.items():
        await asyncio.to_thread(_clear, api, launch_id, dag_id, mine)


def _append(book: Ledger, launch_id: str, items: Sequence[Reopened]) -> None:
    entries = book.entries(launch_id)
    new = [one for one in items if not _open_already(entries, one.item_ref)]
    rows = [one.entry(launch_id, times_reopened(entries, one.item_ref) + 1) for one in new]
    book.append_in_course(rows)
    for one in new:
        log.warning("%s is verified again: %s.", one.item_ref, "; ".join(one.why))


def _open_already(entries: Sequence[LedgerEntry], item_ref: str) -> bool:
    """Return whether an item was reopened and has no record since."""
    kinds = {*OUTCOMES, EntryKind.REOPENED}
    mine = [entry.kind for entry in entries if entry.item_ref == item_ref and entry.kind in kinds]
    return bool(mine) and mine[-1] is EntryKind.REOPENED


def _clear(api: AirflowApi, launch_id: str, dag_id: str, items: Sequence[Reopened]) -> None:
    first = (VERIFY_AGAIN,) if dag_id == GO_NO_GO else ()
    names = [*first, *map(_task_id, items), *_CLOSING]
    note = note_text(items) if items else ""
    api.clear(dag_id, launch_id, names, include_downstream=False, note=note)
    if dag_id == GO_NO_GO:
        # The conductor's step has to hear of the new decision, a No above all.
        api.clear(CONDUCTOR, launch_id, [dag_id], include_downstream=False)


def _task_id(one: Reopened) -> str:
    return one.item_ref.partition(".")[2]
