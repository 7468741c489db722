"""Definition of a check kind: its parameters, its observer, where it runs and when it passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.engine.params import Criteria, Params
    from launch_pipeline.checks.verdict import Finding

RunsOn = Literal["triggerer", "worker"]


def _always(_params: Any) -> bool:
    return True


KindSays = Callable[[Any, "Mapping[str, Any]", "Finding | None"], "str | None"]
"""Takes parameters, the redacted facts of one subject, and a finding."""


def _nothing(_params: Any, _facts: Mapping[str, Any], _finding: Finding | None) -> str | None:
    return None


@dataclass(frozen=True)
class Kind:
    """A kind of check; the entry points of ``launch_pipeline.check_kinds`` name such values."""

    name: str
    params: type[Params]
    """The model of its parameters."""
    observe: str | None
    """``module:function`` of ``async observe(params, ctx) -> Observation``; None: not implemented."""
    criteria: Callable[[Any], Criteria]
    """Returns from the parameters when it passes: JMESPath to comparisons."""
    runs_on: RunsOn = "triggerer"
    """``worker`` for files, subprocesses or heavy computing."""
    default_conn_id: str = ""
    """The connection unless the item names one; empty if it needs none."""
    looks_for_people: bool = False
    """Whether it looks for the people who hold the roles of its parameter ``roles``."""
    repeatable: Callable[[Any], bool] = _always
    """Returns whether a retry after a time-out is safe."""
    later: Mapping[str, Any] = field(default_factory=dict)
    """The parameters with which a later look at the same check replaces its own.

    What had to be fresh when the item was recorded only grows older.
    """
    says: KindSays = _nothing
    """Says what a finding means, or without one what a subject that passed shows.

    None leaves it to the comparison, an empty text says nothing of it.
    """
