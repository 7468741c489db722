"""Tell how a check that has passed is looked at again, before go/no-go and while a launch is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.variables import placeholders

if TYPE_CHECKING:
    from datetime import timedelta

    from launch_pipeline.checklist.model import CheckSpec

_NONCE = "run_nonce"
"""The variable of a check that causes what it looks for."""


def later(check: CheckSpec) -> CheckSpec:
    """Return a check as it is looked at again: about now, without waiting, and whatever its evidence's age.

    A check that causes what it looks for keeps its wait, since a log needs time. Raises ConfigurationError
    for an unknown kind.
    """
    params: dict[str, Any] = {**check.params, **kind(check.kind).later}
    if _NONCE not in placeholders(check.params):
        params.pop("wait", None)
    return check.model_copy(update={"params": params})


def look_every(check: CheckSpec) -> timedelta:
    """Return the least time between two looks at a check. Raises ConfigurationError for an unknown kind."""
    return kind(check.kind).params.model_validate(check.params).look_every
