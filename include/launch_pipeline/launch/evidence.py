"""Carry the results of an item's checks between trigger, worker and gate."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.verdict import CheckResult, Verdict, headline_of
from launch_pipeline.errors import AnswerRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVIDENCE_KEY = "evidence"
"""The XCom key under which an item with an open request shows its latest evidence."""
REFUSAL_KEY = "refused"
"""The XCom key of the reason why the last answer to an item did not count."""
_LONGEST = 1000
_SHOWN = {"kind", "params", "authority", "verdict", "headline", "findings"}
"""The fields that a person decides on; times, durations and attempts are not among them."""
PIN_LENGTH = 12
"""The minimum length of a pin, in hexadecimal digits of a digest."""


class Evidence(Frozen):
    """The results of an item's checks in one pass."""

    task_instance_id: str
    verdict: Verdict
    results: tuple[CheckResult, ...]
    observed_at: datetime
    rests_on: dict[str, str] = Field(default_factory=dict)
    """What the look rests on, by name (``launch/basis.py``); empty if that is unknown."""

    @classmethod
    def of(
        cls, task_instance_id: str, results: list[CheckResult], rests_on: Mapping[str, str] | None = None
    ) -> Self:
        """Combine the results of one pass, observed now."""
        verdict = Verdict.of([result.verdict for result in results])
        return cls(
            task_instance_id=task_instance_id,
            verdict=verdict,
            results=tuple(results),
            observed_at=datetime.now(UTC),
            rests_on=dict(rests_on or {}),
        )

    @classmethod
    def inconclusive(cls, task_instance_id: str, reason: str) -> Self:
        """Build evidence that says that nothing could be found out."""
        now = datetime.now(UTC)
        result = CheckResult(
            kind="none",
            params={},
            authority="",
            verdict=Verdict.INCONCLUSIVE,
            headline=reason[:500],
            started_at=now,
            duration_ms=0,
            attempts=0,
        )
        return cls.of(task_instance_id, [result])

    @model_validator(mode="before")
    @classmethod
    def _without_digest(cls, value: Any) -> Any:
        # The digest is computed from the other fields, so a digest that was sent along is ignored.
        return {k: v for k, v in value.items() if k != "digest"} if isinstance(value, dict) else value

    @property
    def digest(self) -> str:
        """The ``sha256:<hex>`` of what a person is shown: passes that show the same have the same digest."""
        return digest(shown(self.results))

    @property
    def pin(self) -> str:
        """The start of the digest, as cards and modals carry it."""
        return self.digest.removeprefix("sha256:")[:PIN_LENGTH]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.verdict is Verdict.PASSED

    @property
    def headline(self) -> str:
        """The one line that cards, notes and the report show; see ``headline_of``."""
        return headline_of(self.results) or "no checks"

    def older_than(self, age: timedelta, at: datetime | None = None) -> bool:
        """Whether this was observed longer than ``age`` before ``at``, or before now."""
        return (at or datetime.now(UTC)) - self.observed_at > age

    def payload(self) -> dict[str, Any]:
        """Return plain JSON types for events and XComs, with the digest so that a client can pin it."""
        return {**self.model_dump(mode="json"), "digest": self.digest}


def shown(results: Iterable[CheckResult]) -> list[dict[str, Any]]:
    """Return what a person is shown of results."""
    return [result.model_dump(mode="json", include=_SHOWN) for result in results]


def digest_of(evidence: Evidence | None) -> str:
    """Return the digest to stamp an answer with; empty if the item has no evidence."""
    return evidence.digest if evidence else ""


def shows(evidence: Evidence | None, pin: str) -> bool:
    """Whether a pin (a digest or its start; empty for no evidence) matches this evidence."""
    wanted, now = pin.removeprefix("sha256:"), digest_of(evidence).removeprefix("sha256:")
    return now == wanted if len(wanted) < PIN_LENGTH else now.startswith(wanted)


def evidence_changed(evidence: Evidence | None) -> AnswerRefused:
    """Build the refusal of an answer that was given on other evidence than the latest."""
    now = evidence.headline if evidence else "there is none any more"
    sentence = f"The evidence has changed since you saw it: {now[:300]}. Look at it and answer again."
    return AnswerRefused("evidence_changed", sentence)


def refusal_payload(ti: Any, why: str) -> dict[str, str]:
    """Return the XCom value that says why the last answer to a task instance did not count."""
    return {"task_instance_id": str(ti.id), "why": why[:_LONGEST]}


def read_refusal(value: Any, task_instance_id: str) -> str:
    """Return why the last answer to this task instance did not count; empty if none was refused."""
    said = value if isinstance(value, dict) and value.get("task_instance_id") == task_instance_id else {}
    return str(said.get("why") or "")[:_LONGEST]


def read_evidence(value: Any, task_instance_id: str) -> Evidence | None:
    """Read evidence of exactly this task instance, or None.

    A trigger's XComs arrive as JSON text, a worker's as objects. An XCom of an earlier try survives a clear,
    so evidence that names another task instance is ignored.
    """
    try:
        evidence = Evidence.model_validate(json.loads(value) if isinstance(value, str) else value)
    except (ValidationError, ValueError, RecursionError):
        return None
    return evidence if evidence.task_instance_id == task_instance_id else None


def asked_on(value: Any) -> dict[str, str]:
    """Return what a stored request or look rests on; empty if that is unknown."""
    names = value.get("rests_on") if isinstance(value, dict) else None
    return {str(name): str(word) for name, word in names.items()} if isinstance(names, dict) else {}
