"""Valid records and seals for tests, any field changed by name."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.verdict import CheckResult, Finding, Verdict
from launch_pipeline.ledger.schema import (
    DecidedBy,
    Entry,
    Outcome,
    Record,
    RecordedBy,
    Seal,
    SealedRecord,
    evidence_digest,
)

NOON = datetime(2030, 5, 6, 12, 0, 0, 123456, tzinfo=UTC)
ADA = DecidedBy(id="ada", name="Ada Lindqvist", slack_id="U0ADA", airflow_user="ada.technical")
BO = DecidedBy(id="bo", name="Bo Sato", airflow_user="bo.technical")


def a_result(**changes: Any) -> CheckResult:
    """Make a passing result of an HTTP check."""
    fields: dict[str, Any] = {
        "kind": "http_request",
        "params": {"path": "/health"},
        "authority": "https://shop.example.org",
        "verdict": Verdict.PASSED,
        "headline": "200 in 12 ms",
        "findings": (Finding(subject="/health", expression="status", wanted="200", actual=200, holds=True),),
        "observed": {"status": 200, "seconds": 0.012},
        "started_at": NOON,
        "duration_ms": 12,
        "attempts": 1,
    }
    return CheckResult(**{**fields, **changes})


def a_record(**changes: Any) -> Record:
    """Make the record of a machine's pass; ``outcome`` of a person brings Ada."""
    outcome = Outcome(changes.get("outcome", Outcome.PASSED))
    results = changes.get("results", (a_result(),))
    by_machine = outcome in {Outcome.PASSED, Outcome.NOT_REACHED}
    needs_reason = not by_machine and outcome is not Outcome.APPROVED
    fields: dict[str, Any] = {
        "launch_id": "shop-1.2",
        "environment": "production",
        "rehearsal": False,
        "item_ref": "week_1.security.tls",
        "text": "TLS certificates are valid",
        "dag_id": "week_1",
        "task_id": "security.tls",
        "outcome": outcome,
        "results": results,
        "evidence_digest": evidence_digest(results),
        "decided_by": None if by_machine else ADA,
        "recorded_by": RecordedBy.MACHINE if by_machine else RecordedBy.SLACK,
        "role": None if by_machine else Role.TECHNICAL_LEAD,
        "reason": "there was a reason" if needs_reason else "",
        "decided_at": NOON,
        "task_instance_id": "0197-1",
        "try_number": 1,
        "checklist_digest": "sha256:" + "c" * 64,
    }
    return Record(**{**fields, **changes})


def a_seal(*records: Record, **changes: Any) -> Seal:
    """Make a complete seal of the records."""
    fields: dict[str, Any] = {
        "launch_id": "shop-1.2",
        "dag_id": "week_1",
        "phase_id": "week_1",
        "complete": True,
        "problems": () if changes.get("complete", True) else ("something is wrong.",),
        "counts": dict(Counter(record.outcome for record in records)),
        "records": tuple(map(SealedRecord.of, records)),
        "checklist_digest": "sha256:" + "c" * 64,
        "sealed_at": NOON,
        "try_number": 1,
    }
    return Seal(**{**fields, **changes})


def a_go(role: str, **changes: Any) -> Entry:
    """Make Ada's Go for a role."""
    fields = {
        "item_ref": f"go_no_go.decisions.{role}",
        "dag_id": "go_no_go",
        "task_id": f"decisions.{role}",
        "task_instance_id": f"ti-{role}",
        "outcome": Outcome.APPROVED,
    }
    return Entry.of_record(a_record(**{**fields, **changes}))
