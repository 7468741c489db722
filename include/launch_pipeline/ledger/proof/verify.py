"""Verify the record of a launch, from the database or an export, or name the first row that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.errors import LedgerError
from launch_pipeline.ledger.canonical_json import read_json
from launch_pipeline.ledger.chain import GENESIS, Break, Head, Link, chain_problem
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.ledger.proof.rows import Proof
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS = tuple(Link.model_fields)
_SELECTED = ", ".join("k.content::text" if name == "content" else f"k.{name}" for name in _FIELDS)
_FACTS = tuple(Launch.model_fields)
_AS_TEXT = ("conf", "checklist_digests")
_TABLE = ", ".join(f"l.{name}::text" if name in _AS_TEXT else f"l.{name}" for name in _FACTS)
# One statement is one snapshot: the launch's facts and its rows are of the same moment.
_ROWS = f"""
    SELECT {_TABLE}, {_SELECTED} FROM (SELECT %s::text AS launch_id) asked
    LEFT JOIN launch.launches l USING (launch_id) LEFT JOIN launch.ledger k USING (launch_id)
    ORDER BY k.position, k.seq
"""  # noqa: S608 - constants
_KNOWN = "SELECT launch_id FROM launch.launches UNION SELECT launch_id FROM launch.ledger ORDER BY 1"


class LaunchRows(Frozen):
    """Everything that the database has of a launch, at one moment."""

    launch_id: str
    links: tuple[Link, ...]
    launch: Launch | None
    """The launch in the table of launches, or None."""
    unread: str = ""
    """The reason why the table's row cannot be read."""


class Verified(Frozen):
    """The result of verifying the record of one launch."""

    launch_id: str
    rows: int
    head: Head | None
    broken: Break | None = None
    """The first row that is wrong."""
    state: LaunchState | None = None
    """The state of the launch that the rows prove; None if one is wrong."""
    seals: int = 0
    """The number of seals, each of which follows from the rows before it."""


def known_launches(dsn: str) -> list[str]:
    """Return the ids of all launches in the database."""
    with connected(dsn) as connection:
        return [row[0] for row in connection.execute(_KNOWN).fetchall()]


def read_rows(dsn: str, launch_id: str) -> LaunchRows:
    """Read a launch's rows. Raises LedgerError if the launch is unknown."""
    with connected(dsn) as connection:
        rows = connection.execute(_ROWS, [launch_id]).fetchall()
    known = len(_FACTS)
    links = tuple(_link(row[known:]) for row in rows if row[known] is not None)
    facts = dict(zip(_FACTS, rows[0][:known], strict=True))
    if facts["launch_id"] is None and not links:
        raise LedgerError(f"There is no launch {launch_id!r}. 'launch ledger verify' lists all launches.")
    launch, unread = _launch(facts) if facts["launch_id"] is not None else (None, "")
    return LaunchRows(launch_id=launch_id, links=links, launch=launch, unread=unread)


def verify(dsn: str, launch_id: str, head: str | None = None) -> Verified:
    """Verify the record of one launch, and the table of launches against it.

    ``head`` is a digest that was noted or announced earlier and that the chain must still contain. Raises
    LedgerError if the launch is unknown, and LedgerUnavailable.
    """
    return verify_rows(read_rows(dsn, launch_id), head)


def verify_rows(read: LaunchRows, head: str | None = None) -> Verified:
    """Verify what was read of a launch: its rows, and the table of launches against them."""
    verified, proof = _verified(read.launch_id, read.links, head)
    problem = None if verified.broken else _table_problem(read, proof)
    return _behind(verified, read.links, problem) if problem else verified


def verify_links(launch_id: str, links: Sequence[Link], head: str | None = None) -> Verified:
    """Verify the record of one launch from its rows alone, in order."""
    return _verified(launch_id, links, head)[0]


def first_break(links: Sequence[Link]) -> Break | None:
    """Return the first row of a launch that is wrong, or None."""
    return _first_break(links, Proof())


def first_chain_break(links: Sequence[Link]) -> Break | None:
    """Return the first row that breaks the chain, whatever it says, or None."""
    return _first_break(links, None)


def _first_break(links: Sequence[Link], proof: Proof | None) -> Break | None:
    previous = GENESIS
    for position, link in enumerate(links, start=1):
        problem = chain_problem(link, position, previous)
        if not problem and link.launch_id != links[0].launch_id:
            problem = "it belongs to another launch"
        problem = problem or (proof.take(link) if proof else None)
        if problem:
            return Break.at(link, problem)
        previous = link.digest
    return None


def _verified(launch_id: str, links: Sequence[Link], head: str | None) -> tuple[Verified, Proof]:
    proof = Proof()
    broken = _first_break(links, proof)
    last = Head(position=links[-1].position, digest=links[-1].digest) if links else None
    verified = Verified(launch_id=launch_id, rows=len(links), head=last, broken=broken)
    if broken is None and head is not None and head not in {link.digest for link in links}:
        problem = f"the head {head} is not in the chain: rows at its end were removed, or it was rewritten"
        return _behind(verified, links, problem), proof
    if broken is None and proof.derived:
        seals = sum(link.kind == EntryKind.SEAL for link in links)
        verified = verified.model_copy(update={"state": proof.derived.state, "seals": seals})
    return verified, proof


def _table_problem(read: LaunchRows, proof: Proof) -> str | None:
    """Compare the rows with the table of launches, which shows if rows are missing at the end."""
    if read.unread:
        return f"the table of launches cannot be read: {read.unread}"
    if read.launch is None:
        return "the rows say that the launch was started, but it is missing in the table of launches"
    if proof.derived is None:
        return "the launch was started, but no row says so: rows were removed"
    difference = proof.derived.difference(read.launch)
    return f"{difference}: the table was changed, or rows were removed" if difference else None


def _behind(verified: Verified, links: Sequence[Link], problem: str) -> Verified:
    end = links[-1].position if links else 0
    broken = Break(launch_id=verified.launch_id, position=end, problem=problem)
    return verified.model_copy(update={"broken": broken, "state": None})


def _launch(facts: dict[str, Any]) -> tuple[Launch | None, str]:
    """Read the table's row, whose JSON must be unambiguous as well, or return why it cannot be read."""
    try:
        return Launch.model_validate({**facts, **{name: read_json(facts[name]) for name in _AS_TEXT}}), ""
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as error:
        return None, str(error)


def _link(row: tuple[Any, ...]) -> Link:
    return Link.model_validate(dict(zip(_FIELDS, row, strict=True)))
