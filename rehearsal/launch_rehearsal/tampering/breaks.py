"""A break: one fact of one answer that is altered, as data that a table can hold."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from launch_pipeline.base import Frozen

VARYING = re.compile(r"[0-9a-f]{12,64}|\d{6,}")
"""Commits, digests and moments differ from one product to the next."""


class Act(StrEnum):
    """What is done to the fact."""

    PUT = "put"
    """Set it to another value, or add it."""
    DROP = "drop"
    DOUBLE = "double"
    """Add the first element of a list once more."""
    FIRST = "first"
    """Keep the first element of a list alone."""
    ADD = "add"
    """Append to a list or a text."""


class Break(Frozen):
    """One alteration of what one place of the product answers."""

    where: str
    """The place: ``GET gateway /health``, ``SQL``, ``DNS azora.test. A``, ``git SECURITY.md``."""
    asked: str = ""
    """A text that the request must contain besides."""
    at: str = ""
    """The fact: ``status``, ``status 429`` (of those answers alone), ``header Age``, ``delay``, ``body``,
    or a pointer into the document (``/data/0/name``)."""
    act: Act = Act.PUT
    put: Any = None
    every: int = 1
    """Only every so manieth answer of the place is altered."""

    def plain(self) -> dict[str, Any]:
        """Return it without what is left out, as a table holds it."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return said if self.act not in {Act.PUT, Act.ADD} else {**said, "put": self.put}

    def __str__(self) -> str:
        asked = f" ({self.asked})" if self.asked else ""
        turn = f" in every {self.every}. answer" if self.every > 1 else ""
        return f"{self.where}{asked}: {self.at} {self._done()}{turn}".replace(":  ", ": ")

    def _done(self) -> str:
        if self.act is Act.PUT:
            return f"= {self.put!r}"
        if self.act is Act.ADD:
            return f"+ {self.put!r}"
        return {Act.DROP: "removed", Act.DOUBLE: "doubled", Act.FIRST: "cut to its first element"}[self.act]


def place_of(text: str) -> str:
    """Return the name of a place, with a star for what differs from one product to the next."""
    return VARYING.sub("*", text)
