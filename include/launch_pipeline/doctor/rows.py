"""One row of a diagnosis: what was looked at, what was found, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field, computed_field

from launch_pipeline.base import Frozen

if TYPE_CHECKING:
    from rich.console import Console


class RowStatus(StrEnum):
    """The result of one look."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """The look itself failed. A deployment in this state is not ready."""
    UNUSED = "unused"
    """Not set up, and nothing needs it."""


class Row(Frozen):
    """One thing that was looked at. The field names are the keys of ``--json``."""

    model_config = ConfigDict(serialize_by_alias=True)

    what: str
    status: RowStatus = Field(serialization_alias="standing")
    says: str
    fix: str = ""
    """What to do if the row is not ok."""

    @computed_field  # type: ignore[prop-decorator]  # mypy cannot follow a decorated property
    @property
    def wrong(self) -> bool:
        """Whether this must be fixed before a launch."""
        return self.status in {RowStatus.PROBLEM, RowStatus.UNKNOWN}


def ok(what: str, says: str) -> Row:
    """Build the row of something that is as it should be."""
    return Row(what=what, status=RowStatus.OK, says=says)


def problem(what: str, says: str, fix: str = "") -> Row:
    """Build the row of something that must be fixed; ``says`` may hold the fix already."""
    return Row(what=what, status=RowStatus.PROBLEM, says=says, fix=fix)


def unknown(what: str, says: str, fix: str) -> Row:
    """Build the row of something that could not be looked at."""
    return Row(what=what, status=RowStatus.UNKNOWN, says=says, fix=fix)


def unused(what: str, says: str) -> Row:
    """Build the row of something that is not set up."""
    return Row(what=what, status=RowStatus.UNUSED, says=says)


_MARKS = {
    RowStatus.OK: ("✓", "green"),
    RowStatus.PROBLEM: ("✗", "bold red"),
    RowStatus.UNKNOWN: ("?", "bold red"),
    RowStatus.UNUSED: ("·", "dim"),
}


def show_row(console: Console, row: Row) -> None:
    """Print a row, and below it the fix."""
    mark, style = _MARKS[row.status]
    console.print(mark, style=style, end=" ")
    console.print(f"{row.what}: {row.says}", markup=False)
    if row.wrong and row.fix:
        console.print(f"  → {row.fix}", markup=False)
