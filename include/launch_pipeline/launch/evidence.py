"""What the machine saw of one item in one pass, as it travels between trigger, worker and gate."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import ValidationError, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.errors import AnswerRefused

EVIDENCE_KEY = "evidence"
"""XCom under which an asking item shows its latest evidence."""
REFUSAL_KEY = "refused"
"""XCom that says why the last answer to an item did not count."""
_LONGEST = 1000
_SHOWN = {"kind", "params", "authority", "verdict", "headline", "findings"}
"""What a person goes by; when it was seen, how long that took and in how many attempts is none of it."""
PIN_LENGTH = 12
"""Hexadecimal digits of a digest that a pin has at least."""


class Evidence(Frozen):
    """The results of an item's checks in one pass."""

    task_instance_id: str
    verdict: Verdict
    results: tuple[CheckResult, ...]
    observed_at: datetime

    @classmethod
    def of(cls, task_instance_id: str, results: list[CheckResult]) -> Self:
        """Combine the results of one pass, observed now."""
        verdict = Verdict.of([result.verdict for result in results])
        return cls(
            task_instance_id=task_instance_id,
            verdict=verdict,
            results=tuple(results),
            observed_at=datetime.now(UTC),
        )

    @classmethod
    def inconclusive(cls, task_instance_id: str, reason: str) -> Self:
        """Evidence that nothing could be found out at all."""
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
        # It is computed from the rest, so what was sent with it says nothing.
        return {k: v for k, v in value.items() if k != "digest"} if isinstance(value, dict) else value

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of what is shown: two looks that show the same have the same."""
        return digest([result.model_dump(mode="json", include=_SHOWN) for result in self.results])

    @property
    def pin(self) -> str:
        """The begin of the digest, as cards and modals carry it."""
        return self.digest.removeprefix("sha256:")[:PIN_LENGTH]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.verdict is Verdict.PASSED

    @property
    def headline(self) -> str:
        """The first headline that is no pass, or the first of all."""
        bad = [r.headline for r in self.results if r.verdict is not Verdict.PASSED]
        return (bad or [r.headline for r in self.results] or ["no checks"])[0]

    def older_than(self, age: timedelta, at: datetime | None = None) -> bool:
        """Whether this was observed longer than ``age`` before ``at``, or before now."""
        return (at or datetime.now(UTC)) - self.observed_at > age

    def payload(self) -> dict[str, Any]:
        """Plain JSON types, for events and XComs; with the digest, so that a client can pin it."""
        return {**self.model_dump(mode="json"), "digest": self.digest}


def digest_of(evidence: Evidence | None) -> str:
    """What an answer is stamped with; empty where an item has no evidence."""
    return evidence.digest if evidence else ""


def shows(evidence: Evidence | None, pin: str) -> bool:
    """Whether a pin (a digest or its begin; empty for nothing) is that of this evidence."""
    wanted, now = pin.removeprefix("sha256:"), digest_of(evidence).removeprefix("sha256:")
    return now == wanted if len(wanted) < PIN_LENGTH else now.startswith(wanted)


def evidence_changed(evidence: Evidence | None) -> AnswerRefused:
    """Refuse an answer to other evidence than there is now."""
    now = evidence.headline if evidence else "nothing any more"
    sentence = (
        f"The checks have seen something else since it was shown to you: {now[:300]}. Look, and answer again."
    )
    return AnswerRefused("evidence_changed", sentence)


def refusal_payload(ti: Any, why: str) -> dict[str, str]:
    """Why the last answer to a task instance did not count; nothing where none was refused."""
    return {"task_instance_id": str(ti.id), "why": why[:_LONGEST]}


def read_refusal(value: Any, task_instance_id: str) -> str:
    """Why the last answer to exactly this task instance did not count; empty where none was refused."""
    said = value if isinstance(value, dict) and value.get("task_instance_id") == task_instance_id else {}
    return str(said.get("why") or "")[:_LONGEST]


def read_evidence(value: Any, task_instance_id: str) -> Evidence | None:
    """Evidence of exactly this task instance, or None.

    XComs sent by a trigger arrive as JSON text, those of a worker as objects; one of an earlier try
    survives a clear. Only what names this very task instance counts.
    """
    try:
        evidence = Evidence.model_validate(json.loads(value) if isinstance(value, str) else value)
    except (ValidationError, ValueError, RecursionError):
        return None
    return evidence if evidence.task_instance_id == task_instance_id else None
