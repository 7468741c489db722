"""The ledger behind the Airflow connection ``launch_ledger``, for workers, triggers and the api-server."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.hook import BaseHook

from launch_pipeline.airflow.connection_ids import LEDGER_CONNECTION
from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.errors import LedgerUnavailable
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind, Outcome, Round, Seal

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Connection

    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import Acknowledgement, Record

CONN_ID = LEDGER_CONNECTION

LAUNCH_SECONDS = 5.0
"""How long a triggerer believes what it read of a launch: 40 checks that start at once ask once."""

_known_launches: dict[str, tuple[float, asyncio.Task[Launch | None]]] = {}


def plain_dsn(uri: str) -> str:
    """Turn an Airflow connection's URI into one of libpq, whatever driver its scheme names."""
    return "postgresql" + uri[uri.index(":") :]


def _dsn(connection: Connection) -> str:
    return plain_dsn(connection.get_uri())


def ledger_dsn() -> str:
    """Address of the ledger, in a worker.

    Raises LedgerUnavailable where the connection is missing.
    """
    try:
        return _dsn(BaseHook.get_connection(CONN_ID))
    except Exception as error:  # AirflowNotFoundException, or whatever a secrets backend raises
        raise _missing(error) from error


async def aledger_dsn() -> str:
    """Address of the ledger, in a triggerer, where the synchronous look-up would block the loop."""
    try:
        return _dsn(await BaseHook.aget_connection(CONN_ID))
    except Exception as error:
        raise _missing(error) from error


def _missing(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The Airflow connection '{CONN_ID}' cannot be read ({type(error).__name__}). "
        "Create it with the address of the PostgreSQL database that keeps the record."
    )


def ledger() -> Ledger:
    """The ledger, in a worker."""
    return Ledger(ledger_dsn())


def launches() -> Launches:
    """The state of the launches, in a worker."""
    return Launches(ledger_dsn())


def evidence_table() -> EvidenceTable:
    """What the checks of each task instance saw last, in a worker."""
    return EvidenceTable(ledger_dsn())


async def current_launch(launch_id: str) -> Launch | None:
    """The launch as it was a few seconds ago at most, or None where none was admitted. For triggerers."""
    until, task = _known_launches.get(launch_id, (0.0, None))
    if task is None or until < time.monotonic() or task.get_loop() is not asyncio.get_running_loop():
        task = asyncio.ensure_future(find_launch(launch_id))
        _known_launches[launch_id] = (time.monotonic() + LAUNCH_SECONDS, task)
    try:
        return await asyncio.shield(task)
    except LedgerUnavailable:
        # The next one asks again at once.
        _known_launches.pop(launch_id, None)
        raise


async def find_launch(launch_id: str) -> Launch | None:
    """The launch as it is, or None where none was admitted. For triggers."""
    store = Launches(await aledger_dsn())
    return await asyncio.to_thread(store.find, launch_id)


async def show_evidence(launch_id: str, task_instance_id: str, payload: dict[str, Any]) -> None:
    """Keep what a check saw last where people and the guard read it. For triggerers."""
    table = EvidenceTable(await aledger_dsn())
    await asyncio.to_thread(table.write, launch_id, task_instance_id, payload)


async def keep_pass(record: Record) -> Record:
    """Keep what the machine passed, and return what is kept of this try. For triggers.

    Raises LedgerUnavailable, and LaunchRefused where the launch is over.
    """
    book = Ledger(await aledger_dsn())
    return await asyncio.to_thread(book.append_pass, record)


async def sealed_at(launch_id: str, dag_id: str) -> datetime | None:
    """When a phase of a launch was sealed last, for triggers."""
    seal = await asyncio.to_thread(Ledger(await aledger_dsn()).seal, launch_id, dag_id)
    return seal.sealed_at if seal else None


def latest_seal(launch_id: str, dag_id: str) -> tuple[Seal | None, str]:
    """The latest seal of a phase, with the task instance of the gate that made it. For workers."""
    entries = [e for e in ledger().entries(launch_id, EntryKind.SEAL) if e.dag_id == dag_id]
    return (Seal.model_validate(entries[-1].content), entries[-1].task_instance_id) if entries else (None, "")


def kept_rounds(launch_id: str, item_ref: str, life: int) -> list[Acknowledgement]:
    """The rounds of a repeating item that were acknowledged in this life of its task. For workers.

    Raises LedgerUnavailable.
    """
    entries = ledger().entries(launch_id, EntryKind.ROUND)
    rounds = [Round.model_validate(entry.content) for entry in entries if entry.item_ref == item_ref]
    return [each.acknowledgement for each in rounds if each.life == life]


def standing(launch_id: str, dag_id: str, item_ref: str) -> tuple[frozenset[str], bool]:
    """Who has answered for another item of this Dag in this launch, and whether the launch is over.

    Raises LedgerUnavailable.
    """
    return standing_at(ledger_dsn(), launch_id, dag_id, item_ref)


def standing_at(dsn: str, launch_id: str, dag_id: str, item_ref: str) -> tuple[frozenset[str], bool]:
    """``standing`` for the api-server, which knows the address already."""
    launch = Launches(dsn).find(launch_id)
    decisions = _decisions(dsn, launch_id, dag_id)
    others = {r.decided_by.id for r in decisions if r.item_ref != item_ref and r.decided_by}
    # A launch that was aborted on its day can still be rolled back.
    over = launch is not None and launch.over and dag_id != ROLLBACK
    return frozenset(others), over


def set_aside(launch_id: str) -> list[dict[str, str]]:
    """Everything of a launch that people let pass without a yes, latest word per item. For workers.

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


async def denial(launch_id: str, dag_id: str, item_ref: str) -> str | None:
    """Name of who rejected another item of this Dag in this launch, for triggers."""
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
    """The latest decision of each item of one Dag: a repeated try replaces the one before."""
    entries = Ledger(dsn).entries(launch_id, EntryKind.DECISION)
    latest = {e.item_ref: e.record for e in entries if e.dag_id == dag_id}
    return [record for record in latest.values() if record]
