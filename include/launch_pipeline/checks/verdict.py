"""Observation, verdict and result of a check."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import Field

from launch_pipeline.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Verdict(StrEnum):
    """Verdict of a check; anything but a clear yes does not pass."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"

    @classmethod
    def of(cls, verdicts: list[Verdict]) -> Verdict:
        """Combine verdicts: passed if all passed, failed if any failed, else (or if none) inconclusive."""
        if verdicts and all(v is cls.PASSED for v in verdicts):
            return cls.PASSED
        return cls.FAILED if cls.FAILED in verdicts else cls.INCONCLUSIVE


class Subject(Frozen):
    """One observed object (a host, a path, a series), with the facts that ``expect`` reads."""

    name: str
    facts: dict[str, Any]
    unknown: dict[str, str] = Field(default_factory=dict)
    """Facts that could not be known, by name, and why: an expectation that reads one is inconclusive."""


class Observation(Frozen):
    """The observed facts, before any judgement.

    ``expect`` must hold for every subject; an observation without subjects fails unless
    ``may_be_empty``. ``authority`` is the queried service, without credentials.
    """

    subjects: tuple[Subject, ...]
    authority: str
    may_be_empty: bool = False
    sparse: bool = False
    """Whether the authority leaves out fields that have their default, as Kubernetes does."""
    not_looked_at: tuple[str, ...] = ()
    """What belongs to the subjects and could not be looked at from here: a headline of a pass names it."""
    summary: dict[str, Any] = Field(default_factory=dict)


class Finding(Frozen):
    """One comparison: the wanted and the actual value of an expression."""

    subject: str
    expression: str
    wanted: str
    actual: Any
    holds: bool
    note: str = ""


class CheckResult(Frozen):
    """The record of one check: redacted, and at most 16 KiB as JSON."""

    kind: str
    params: dict[str, Any]
    authority: str
    verdict: Verdict
    headline: str
    findings: tuple[Finding, ...] = ()
    observed: dict[str, Any] = Field(default_factory=dict)
    started_at: datetime
    duration_ms: int
    attempts: int


def headline_of(results: Iterable[CheckResult]) -> str:
    """Return the one line of an item: its worst check, and of several how many passed; empty for none."""
    held = list(results)
    passed = sum(result.verdict is Verdict.PASSED for result in held)
    worst = min(held, key=lambda result: _WORST.index(result.verdict), default=None)
    count = f" ({passed} of {len(held)} checks passed)" if len(held) > 1 else ""
    return f"{worst.headline}{count}" if worst else ""


_WORST = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED)
