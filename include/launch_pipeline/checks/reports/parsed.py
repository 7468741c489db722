"""What a reader makes of a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WORST = 20
"""Findings that are listed."""


@dataclass(frozen=True)
class Parsed:
    """The facts of one report, and those that it cannot tell."""

    tool: str
    facts: dict[str, Any]
    commit: str = ""
    generated_at: Any = None
    worst: list[str] = field(default_factory=list)
    """At most 20 findings, the gravest first."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Facts that could not be known, by name, and why; none of them is in ``facts``."""
    commits: tuple[tuple[str, ...], ...] = ()
    """The commits that each part names, where a report has parts: none, one, or one a repository."""
