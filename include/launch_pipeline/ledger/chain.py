"""Compute the digests of a launch's rows, and find where their chain is broken.

The database computes the digests when a row is inserted (``migrations/0003``); this module computes them
again from the rows alone, without trusting the database.
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import Self

from pydantic import AwareDatetime

from launch_pipeline.base import Frozen
from launch_pipeline.checks.canonical import digest

GENESIS = "sha256:" + "0" * 64
"""The previous digest in the first row of a launch."""


class Head(Frozen):
    """The end of a chain; a noted head proves later that nothing before it was changed."""

    position: int
    digest: str

    def __str__(self) -> str:
        """Render the head as it is announced."""
        return f"{self.digest} (row {self.position})"


class Link(Frozen):
    """One row of the ledger, with its content as stored text."""

    seq: int
    position: int
    """The number within the launch: 1, 2, 3, ..."""
    kind: str
    """A value of ``EntryKind``; text, since a newer release may have more kinds."""
    launch_id: str
    dag_id: str
    item_ref: str
    task_instance_id: str
    try_number: int
    appended_at: AwareDatetime
    content: str
    content_digest: str
    previous: str
    """The digest of the previous row of the launch."""
    digest: str

    def header(self) -> dict[str, object]:
        """Return the fields that the row's digest covers: all others, the content by its digest."""
        moment = self.appended_at.astimezone(UTC).isoformat(timespec="microseconds")
        return {**self.model_dump(exclude={"content", "digest"}), "appended_at": moment}

    def computed_digest(self) -> str:
        """Return the ``sha256:<hex>`` of the header's canonical JSON."""
        return digest(self.header())

    def computed_content_digest(self) -> str:
        """Return the ``sha256:<hex>`` of the content's text in UTF-8."""
        return "sha256:" + hashlib.sha256(self.content.encode()).hexdigest()


class Break(Frozen):
    """The first row of a chain that was changed, or the end after which rows are missing."""

    launch_id: str
    position: int
    """The row's position; for missing rows that of the last row, 0 if there is none."""
    seq: int | None = None
    """None if rows are missing at the end."""
    kind: str = ""
    item_ref: str = ""
    problem: str

    @classmethod
    def at(cls, link: Link, problem: str) -> Self:
        """Build the break at a row."""
        return cls(
            launch_id=link.launch_id,
            position=link.position,
            seq=link.seq,
            kind=link.kind,
            item_ref=link.item_ref,
            problem=problem,
        )

    def __str__(self) -> str:
        """Render the place and the problem in one line."""
        if self.seq is None:
            return f"after row {self.position}: {self.problem}"
        of = f" of {self.item_ref}" if self.item_ref else ""
        return f"row {self.position} (seq {self.seq}, {self.kind}{of}): {self.problem}"


def chain_problem(link: Link, position: int, previous: str) -> str | None:
    """Return what is wrong with a row expected at ``position`` after one with digest ``previous``."""
    if link.position != position:
        return _misplaced(link.position, position)
    if link.previous != previous:
        before = f"row {position - 1}" if position > 1 else "nothing"
        return f"it does not follow {before} as it is now: 'previous' is {link.previous}, not {previous}"
    if link.content_digest != link.computed_content_digest():
        return "its content was changed: it no longer has the digest in 'content_digest'"
    if link.digest != link.computed_digest():
        return "one of its columns was changed: they no longer have the digest in 'digest'"
    return None


def _misplaced(found: int, expected: int) -> str:
    if found < expected:
        return f"there is another row {found}"
    missing = f"row {expected} is" if found == expected + 1 else f"rows {expected} to {found - 1} are"
    return f"{missing} missing before it"
