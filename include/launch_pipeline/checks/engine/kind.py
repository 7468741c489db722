"""What a kind of check is: its parameters, who looks, where it runs and when it passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.checks.engine.params import Criteria, Params

RunsOn = Literal["triggerer", "worker"]


def _always(_params: Any) -> bool:
    return True


@dataclass(frozen=True)
class Kind:
    """A kind of check; the entry points of ``launch_pipeline.check_kinds`` name such values."""

    name: str
    params: type[Params]
    """The model of its parameters."""
    observe: str | None
    """``module:function`` of ``async observe(params, ctx) -> Observation``; None: not yet."""
    criteria: Callable[[Any], Criteria]
    """When it passes: JMESPath to comparisons, from the parameters."""
    runs_on: RunsOn = "triggerer"
    """``worker`` where files, subprocesses or much computing are needed."""
    default_conn_id: str = ""
    """The connection it uses unless the item names one; empty where it needs none."""
    repeatable: Callable[[Any], bool] = _always
    """Whether asking again after a time-out changes nothing but the time."""
