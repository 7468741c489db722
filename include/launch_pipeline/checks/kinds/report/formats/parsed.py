"""What a reader makes of a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WORST = 20
"""Findings that are listed."""


@dataclass(frozen=True)
class Parsed:
    """The facts of one report."""

    tool: str
    facts: dict[str, Any]
    commit: str = ""
    generated_at: Any = None
    worst: list[str] = field(default_factory=list)
    """At most 20 findings, the gravest first."""
