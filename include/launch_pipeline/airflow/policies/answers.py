"""Decide whether an answer counts: gather the facts, then apply ``approvals/rules.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.ledger import ledger, ledger_dsn
from launch_pipeline.airflow.policies.before_go import refuse_go
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.approvals.rules import AnswerRequest, judge_answer, judge_asking
from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.errors import AnswerRefused, ConfigurationError
from launch_pipeline.launch.basis import stale_because
from launch_pipeline.launch.evidence import evidence_changed, shows
from launch_pipeline.launch.item_records import GivenAnswer
from launch_pipeline.ledger.schema import Entry, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.evidence import Evidence
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import Record


@dataclass(frozen=True)
class Names:
    """What an answer rests on, by name; empty where that is unknown."""

    asked: Mapping[str, str]
    """When the person was asked."""
    now: Mapping[str, str]
    """What is in force."""


def check_answer(  # the guard and the task must use the same facts
    spec: ItemSpec,
    launch: LaunchContext,
    answer: GivenAnswer,
    evidence: Evidence | None,
    answered_by: frozenset[str] = frozenset(),
    launch_over: bool = False,
    *,
    names: Names | None = None,
    dag_id: str = "",
    dsn: str = "",
) -> Person:
    """Return the person whose answer counts. Raises AnswerRefused with the rule that is broken.

    An answer counts only for the evidence that it was given on, and while what the person was asked on is
    what is in force. A Go, in the Dag that ``dag_id`` names, counts only while every earlier phase stands, as
    the ledger says, which the api-server reaches by its ``dsn``.
    """
    if answer.option != Answer.RECHECK:
        if not shows(evidence, answer.evidence):
            raise evidence_changed(evidence)
        if names is not None:
            _in_force_or_refuse(names)
    passed = (evidence is not None and evidence.passed) if spec.item.mode.has_checks else None
    request = _request(
        spec,
        answer,
        launch.started_by,
        checks_passed=passed,
        already_answered_by=answered_by,
        launch_over=launch_over,
    )
    person = judge_answer(request, contacts(), policy())
    refuse_go(dsn or ledger_dsn(), launch, dag_id, answer.option)
    return person


def _in_force_or_refuse(names: Names) -> None:
    if names.asked and names.now and (changed := stale_because(names.asked, names.now)):
        sentence = f"You were asked before a change: {'; '.join(changed)}. You are asked again in a moment."
        raise AnswerRefused("evidence_changed", sentence)


def check_answerer(spec: ItemSpec, answer: GivenAnswer, started_by: str | None) -> Person:
    """Return the person who answers.

    Raises AnswerRefused if the answer cannot count, independent of ledger and evidence.
    """
    return judge_asking(_request(spec, answer, started_by), contacts(), policy())


def may_still(spec: ItemSpec, decision: Record, started_by: str | None) -> bool:
    """Return whether a person might give the answer of an earlier decision today.

    They may have left the contacts or their role, or the policy may no longer allow it.
    """
    person, option = decision.decided_by, _OPTIONS.get(decision.outcome)
    if person is None or option is None:
        return False
    said = {"reason": decision.reason, "signature": decision.signature}
    try:
        now = check_answerer(spec, GivenAnswer.of_input(option, said, person.airflow_user or ""), started_by)
    except (AnswerRefused, ConfigurationError):
        return False
    return now.id == person.id


_OPTIONS = {
    Outcome.APPROVED: Answer.APPROVE,
    Outcome.WAIVED: Answer.WAIVE,
    Outcome.NOT_APPLICABLE: Answer.NOT_APPLICABLE,
    Outcome.NOT_MET: Answer.REJECT,
}
"""The answers of decisions that are carried over."""


def append_decision(spec: ItemSpec, record: Record) -> None:
    """Append a decision to the ledger, which checks again that one person decides for one role only.

    A No of go/no-go ends the launch: after it, only another No is appended, even if the No's task is cleared
    before its phase is sealed. Raises AnswerRefused ``two_roles`` or ``no_go``, LaunchRefused if the launch
    is over, LedgerUnavailable.
    """
    entry = Entry.of_record(record)
    if spec.item.gate is RequestKind.APPROVAL:
        ledger().append_in_course([entry])
    else:
        final, twice = record.dag_id == GO_NO_GO, _one_person_may_decide_twice()
        ledger().append_decision(entry, final=final, twice=twice)


def _one_person_may_decide_twice() -> bool:
    try:
        return policy().two_roles_one_person
    except ConfigurationError:
        return False


def _request(spec: ItemSpec, answer: GivenAnswer, started_by: str | None, **facts: Any) -> AnswerRequest:
    item = spec.item
    return AnswerRequest(
        answer=answer.option,
        options=spec.options,
        item_ref=spec.ref,
        owner=item.owner,
        gate=item.gate,
        severity=item.severity,
        airflow_user=answer.airflow_user,
        triggered_by=started_by,
        reason=answer.reason,
        signature=answer.signature,
        **facts,
    )
