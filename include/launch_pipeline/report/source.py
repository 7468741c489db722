"""Read the sources of a report: the ledger, the checklists in force, and the contacts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from launch_pipeline.checklist.load import checklist_files, load_phase
from launch_pipeline.checklist.model import Phase
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.errors import ConfigurationError, InvalidChecklist, LaunchRefused
from launch_pipeline.ledger.definitions import read_definition
from launch_pipeline.ledger.proof.verify import known_launches, read_rows, verify_rows
from launch_pipeline.report.build import Sources, build
from launch_pipeline.report.document import read_document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.report.model import Note, Report

NAMED = 10
"""The maximum number of launches that are listed when the requested one does not exist."""


def make_report(
    dsn: str,
    launch_id: str,
    contacts: Callable[[], Contacts],
    *,
    notes: Sequence[Note] = (),
    notes_unread: str = "",
    with_addresses: bool = False,
) -> Report:
    """Make the report of a launch as of now.

    Contacts and checklists that cannot be read are left out, and the report says why. Raises LaunchRefused
    for a launch without rows, LedgerUnavailable, and ConfigurationError if the document is missing.
    """
    _known_or_refuse(dsn, launch_id)
    rows = read_rows(dsn, launch_id)
    phases, wrong = _checklists(dsn, rows.launch)
    people, unread = _people(contacts)
    return build(
        Sources(
            rows=rows,
            verified=verify_rows(rows),
            launch=rows.launch,
            phases=phases,
            document=read_document(),
            made_at=datetime.now(UTC),
            contacts=people,
            contacts_unread=unread,
            checklists_unread=tuple(wrong),
            with_addresses=with_addresses,
            notes=tuple(notes),
            notes_unread=notes_unread,
        )
    )


def _known_or_refuse(dsn: str, launch_id: str) -> None:
    known = known_launches(dsn)
    if launch_id in known:
        return
    if not known:
        raise LaunchRefused(f"There is no launch {launch_id!r}: the ledger is empty.")
    more = f", and {len(known) - NAMED} more ('launch ledger verify' lists all)" if len(known) > NAMED else ""
    names = ", ".join(repr(name) for name in known[:NAMED])
    raise LaunchRefused(f"There is no launch {launch_id!r} in the ledger. Known launches: {names}{more}.")


def _checklists(dsn: str, launch: Launch | None) -> tuple[list[Phase], list[str]]:
    """Return the checklists that the launch runs by, and the problems of those that cannot be read.

    What an older package did not store is read from today's files.
    """
    today, wrong = _todays_checklists()
    found = {phase.id: phase for phase in today}
    for digest in dict.fromkeys(launch.checklist_digests.values() if launch else ()):
        if (document := read_definition(dsn, digest)) is not None:
            phase = Phase.model_validate(document)
            found[phase.id] = phase
    return list(found.values()), wrong


def _todays_checklists() -> tuple[list[Phase], list[str]]:
    phases: list[Phase] = []
    wrong: list[str] = []
    for path in checklist_files():
        try:
            phases.append(load_phase(path, parameter_models()))
        except InvalidChecklist as error:
            wrong += map(str, error.problems)
    return phases, wrong


def _people(contacts: Callable[[], Contacts]) -> tuple[Contacts | None, str]:
    try:
        return contacts(), ""
    except ConfigurationError as error:
        # The error starts with a path of this machine, which tells a reader nothing.
        return None, f"The contacts cannot be read: {error.problem}"
