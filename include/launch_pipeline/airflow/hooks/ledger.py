"""Access to the ledger that the Airflow connection ``launch_ledger`` names, for workers and triggers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.hook import BaseHook

from launch_pipeline.airflow.connection_ids import LEDGER_CONNECTION
from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.errors import LedgerUnavailable
from launch_pipeline.launch.windows import ROWS, launch_day_over
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import latest_look
from launch_pipeline.ledger.schema import EntryKind, Outcome, Round, Seal

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Connection

    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.reopened import Seen
    from launch_pipeline.ledger.schema import Acknowledgement, LedgerEntry, Record

CONN_ID = LEDGER_CONNECTION

LAUNCH_SECONDS = 5.0
"""How long a triggerer caches a launch, so that 40 checks that start at once read it once."""

LAPSED = "The end of the launch day, with every window complete,"
"""What ends the offer of a rollback that no one has decided about."""

_known_launches: dict[str, tuple[float, asyncio.Task[Launch | None]]] = {}


def plain_dsn(uri: str) -> str:
    """Turn the URI of an Airflow connection into one for libpq, whatever driver its scheme names."""
    return "postgresql" + uri[uri.index(":") :]


def _dsn(connection: Connection) -> str:
    return plain_dsn(connection.get_uri())


def ledger_dsn() -> str:
    """Return the address of the ledger, in a worker.

    Raises LedgerUnavailable where the connection is missing.
    """
    try:
        return _dsn(BaseHook.get_connection(CONN_ID))
    except Exception as error:  # AirflowNotFoundException, or any error of a secrets backend
        raise _missing(error) from error


async def aledger_dsn() -> str:
    """Return the address of the ledger, in a triggerer, where a synchronous look-up would block the loop."""
    try:
        return _dsn(await BaseHook.aget_connection(CONN_ID))
    except Exception as error:
        raise _missing(error) from error


def _missing(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The Airflow connection '{CONN_ID}' cannot be read ({type(error).__name__}). "
        "Create it with the address of the ledger's PostgreSQL database."
    )


def ledger() -> Ledger:
    """Return the ledger, in a worker."""
    return Ledger(ledger_dsn())


def launches() -> Launches:
    """Return the launches' table, in a worker."""
    return Launches(ledger_dsn())


def evidence_table() -> EvidenceTable:
    """Return the table of the latest evidence of each task instance, in a worker."""
    return EvidenceTable(ledger_dsn())


async def current_launch(launch_id: str) -> Launch | None:
    """Return a launch, at most a few seconds old; None where none was admitted. For triggers."""
    until, task = _known_launches.get(launch_id, (0.0, None))
    if task is None or until < time.monotonic() or task.get_loop() is not asyncio.get_running_loop():
        task = asyncio.ensure_future(find_launch(launch_id))
        _known_launches[launch_id] = (time.monotonic() + LAUNCH_SECONDS, task)
    try:
        return await asyncio.shield(task)
    except LedgerUnavailable:
        # Do not cache the error.
        _known_launches.pop(launch_id, None)
        raise


async def find_launch(launch_id: str) -> Launch | None:
    """Return a launch as it is now, None where none was admitted. For triggers."""
    store = Launches(await aledger_dsn())
    return await asyncio.to_thread(store.find, launch_id)


async def show_evidence(launch_id: str, task_instance_id: str, payload: dict[str, Any]) -> None:
    """Store the latest evidence where people and the guard read it. For triggers."""
    table = EvidenceTable(await aledger_dsn())
    await asyncio.to_thread(table.write, launch_id, task_instance_id, payload)


async def append_pass(record: Record) -> Record:
    """Append the record of passed checks, and return the stored record of this try. For triggers.

    Raises LedgerUnavailable, and LaunchRefused where the launch is over.
    """
    book = Ledger(await aledger_dsn())
    return await asyncio.to_thread(book.append_pass, record)


async def sealed_at(launch_id: str, dag_id: str) -> datetime | None:
    """Return when a phase of a launch was last sealed, if it was. For triggers."""
    seal = await asyncio.to_thread(Ledger(await aledger_dsn()).seal, launch_id, dag_id)
    return seal.sealed_at if seal else None


def latest_seal(launch_id: str, dag_id: str) -> tuple[Seal | None, str]:
    """Return the latest seal of a phase and the task instance of the gate that made it. For workers."""
    entries = [e for e in ledger().entries(launch_id, EntryKind.SEAL) if e.dag_id == dag_id]
    return (Seal.model_validate(entries[-1].content), entries[-1].task_instance_id) if entries else (None, "")


def recorded_rounds(launch_id: str, item_ref: str, life: int) -> list[Acknowledgement]:
    """Return the acknowledged rounds of a repeating item since its task was last cleared. For workers.

    Raises LedgerUnavailable.
    """
    entries = ledger().entries(launch_id, EntryKind.ROUND)
    rounds = [Round.model_validate(entry.content) for entry in entries if entry.item_ref == item_ref]
    return [each.acknowledgement for each in rounds if each.life == life]


def prior_answers(launch_id: str, dag_id: str, item_ref: str, dsn: str = "") -> tuple[frozenset[str], bool]:
    """Return who has answered for other items of this Dag and launch, and whether the launch is over.

    For workers, and for the api-server with its ``dsn``. Raises LedgerUnavailable.
    """
    dsn = dsn or ledger_dsn()
    launch = Launches(dsn).find(launch_id)
    decisions = _decisions(dsn, launch_id, dag_id)
    others = {r.decided_by.id for r in decisions if r.item_ref != item_ref and r.decided_by}
    # A launch that was aborted on its day can still be rolled back.
    over = launch is not None and launch.over and dag_id != ROLLBACK
    return frozenset(others), over


def set_aside(launch_id: str) -> list[dict[str, str]]:
    """Return the items of a launch whose latest decision is not an approval. For workers.

    Raises LedgerUnavailable.
    """
    entries = ledger().entries(launch_id, EntryKind.DECISION)
    latest = {entry.item_ref: entry.record for entry in entries}
    return [
        {
            "item": record.item_ref,
            "text": record.text,
            "outcome": record.outcome.value,
            "by": record.decided_by.name if record.decided_by else "",
            "reason": record.reason,
        }
        for record in latest.values()
        if record and record.outcome is not Outcome.APPROVED
    ]


def looked_again(launch_id: str) -> dict[str, Any]:
    """Return what the latest look at everything that had passed found, in short; empty before the first.

    For workers. Raises LedgerUnavailable.
    """
    look = latest_look(ledger().entries(launch_id, EntryKind.VERIFIED_AGAIN))
    if look is None:
        return {}
    return {
        "looked_at": look.looked_at.isoformat(),
        "still_true": look.still_true,
        "no_longer_true": [_in_short(one) for one in look.no_longer_true],
        "could_not_be_looked_at": [_in_short(one) for one in look.not_looked_at],
    }


def _in_short(seen: Seen) -> dict[str, str]:
    return {
        "item": seen.item_ref,
        "text": seen.text,
        "owner": seen.owner.label,
        "headline": seen.headline,
    }


def window_rows(launch_id: str, dsn: str = "") -> list[LedgerEntry]:
    """Return the rows of a launch that decide about its windows (``launch/windows.py``), in their order.

    For workers; for triggers with a ``dsn``, in a thread. Raises LedgerUnavailable.
    """
    book = Ledger(dsn or ledger_dsn())
    rows = [entry for kind in ROWS for entry in book.entries(launch_id, kind)]
    # The numbers of one launch ascend with its chain.
    return sorted(rows, key=lambda entry: entry.seq)


async def awindow_rows(launch_id: str) -> list[LedgerEntry]:
    """Do the same in a trigger."""
    return await asyncio.to_thread(window_rows, launch_id, await aledger_dsn())


async def denial(launch_id: str, dag_id: str, item_ref: str) -> str | None:
    """Return who rejected another item of this Dag and launch, if any, by name. For triggers.

    The offer of a rollback lapses at the end of the launch day.
    """
    if dag_id == ROLLBACK and launch_day_over(await awindow_rows(launch_id)):
        return LAPSED
    decisions = await asyncio.to_thread(_decisions, await aledger_dsn(), launch_id, dag_id)
    return next(
        (
            r.decided_by.name
            for r in decisions
            if r.item_ref != item_ref and r.outcome is Outcome.REJECTED and r.decided_by
        ),
        None,
    )


def _decisions(dsn: str, launch_id: str, dag_id: str) -> list[Record]:
    """Return the latest decision of each item of one Dag; a later try replaces an earlier one."""
    entries = Ledger(dsn).entries(launch_id, EntryKind.DECISION)
    latest = {e.item_ref: e.record for e in entries if e.dag_id == dag_id}
    return [record for record in latest.values() if record]
