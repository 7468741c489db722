"""Facts of a repository that are known, and why others are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """Facts, and those of them that cannot be trusted, with the reason."""

    facts: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def with_(self, other: Seen) -> Seen:
        """Return both together; a reason that is known already stays."""
        return Seen(self.facts | other.facts, other.unknown | self.unknown)
