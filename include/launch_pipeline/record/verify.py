"""Proving the chain of a launch, from the database or from an export, or naming the first broken row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.verdict import Frozen
from launch_pipeline.errors import LedgerError
from launch_pipeline.record.chain import GENESIS, Break, Head, Link, chain_problem
from launch_pipeline.record.connect import connected
from launch_pipeline.record.contents import KeptRecord, content_problem, ended_as, kept_record
from launch_pipeline.record.launches import LaunchState
from launch_pipeline.record.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS = tuple(Link.model_fields)
_SELECTED = ", ".join("k.content::text" if name == "content" else f"k.{name}" for name in _FIELDS)
# One statement, so one snapshot: the launch's state and its rows are of the same moment.
_KEPT = f"""
    SELECT l.state, {_SELECTED} FROM (SELECT %s::text AS launch_id) asked
    LEFT JOIN launch.launches l USING (launch_id) LEFT JOIN launch.ledger k USING (launch_id)
    ORDER BY k.position, k.seq
"""  # noqa: S608 - constants
_KNOWN = "SELECT launch_id FROM launch.launches UNION SELECT launch_id FROM launch.ledger ORDER BY 1"


class Kept(Frozen):
    """All that the database holds of a launch, at one moment."""

    launch_id: str
    links: tuple[Link, ...]
    state: LaunchState | None
    """As the table of launches has it; None where no conductor started the launch."""


class Verified(Frozen):
    """What came of looking at one chain."""

    launch_id: str
    rows: int
    head: Head | None
    broken: Break | None = None
    """The first row that is not as it was kept."""


def known_launches(dsn: str) -> list[str]:
    """Give the ids of all launches that anything is kept of."""
    with connected(dsn) as connection:
        return [row[0] for row in connection.execute(_KNOWN).fetchall()]


def read_kept(dsn: str, launch_id: str) -> Kept:
    """Read a launch's rows. Raises LedgerError where nothing is known of the launch."""
    with connected(dsn) as connection:
        rows = connection.execute(_KEPT, [launch_id]).fetchall()
    state = rows[0][0]
    links = tuple(_link(row[1:]) for row in rows if row[1] is not None)
    if state is None and not links:
        raise LedgerError(f"Nothing is kept of a launch {launch_id!r}; 'launch ledger verify' lists all.")
    return Kept(launch_id=launch_id, links=links, state=state)


def verify(dsn: str, launch_id: str, head: str | None = None) -> Verified:
    """Prove the chain of one launch, and its rows against the table of launches.

    ``head`` is a digest that was noted or announced earlier: the chain must still contain it. Raises
    LedgerError where nothing is known of the launch, LedgerUnavailable.
    """
    return verify_kept(read_kept(dsn, launch_id), head)


def verify_kept(kept: Kept, head: str | None = None) -> Verified:
    """Prove what was read of a launch: its chain, and its rows against the table of launches."""
    verified = verify_links(kept.launch_id, kept.links, head)
    if verified.broken is None and kept.state is not None:
        problem = _state_problem(kept.links, kept.state)
        return verified.model_copy(update={"broken": _behind(kept, problem) if problem else None})
    return verified


def verify_links(launch_id: str, links: Sequence[Link], head: str | None = None) -> Verified:
    """Prove the chain of one launch from its rows, in their order."""
    broken = first_break(links)
    if broken is None and head is not None and head not in {link.digest for link in links}:
        end = links[-1].position if links else 0
        problem = f"the head {head} is not in the chain: rows were removed from its end, or it was rewritten"
        broken = Break(launch_id=launch_id, position=end, problem=problem)
    last = Head(position=links[-1].position, digest=links[-1].digest) if links else None
    return Verified(launch_id=launch_id, rows=len(links), head=last, broken=broken)


def first_break(links: Sequence[Link]) -> Break | None:
    """Name the first row of a launch that is not as it was kept, None where the chain is whole."""
    previous, before = GENESIS, set[KeptRecord]()
    for position, link in enumerate(links, start=1):
        problem = chain_problem(link, position, previous) or content_problem(link, before)
        if problem:
            return Break.at(link, problem)
        before.add(kept_record(link))
        previous = link.digest
    return None


def _state_problem(links: Sequence[Link], state: LaunchState) -> str | None:
    """Compare with the table of launches, whose every change has its row: rows may be missing at the end."""
    kinds = {link.kind for link in links}
    if EntryKind.LAUNCH_STARTED not in kinds:
        return "the launch was started, and no row says so: rows were removed"
    said = LaunchState.ACTIVE
    for link in links:
        said = ended_as(link) or said
    if said is not state:
        return f"the launch is '{state}', its rows say '{said}': rows were removed, or the launch was changed"
    return None


def _behind(kept: Kept, problem: str) -> Break:
    end = kept.links[-1].position if kept.links else 0
    return Break(launch_id=kept.launch_id, position=end, problem=problem)


def _link(row: tuple[Any, ...]) -> Link:
    return Link.model_validate(dict(zip(_FIELDS, row, strict=True)))
