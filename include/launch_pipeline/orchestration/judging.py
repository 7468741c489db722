"""Whether an answer counts: gather what the rules need, then ask the people room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.people.answers import AnswerRequest, judge_answer
from launch_pipeline.people.deployed import contacts, policy

if TYPE_CHECKING:
    from launch_pipeline.orchestration.evidence import Evidence
    from launch_pipeline.orchestration.launch_context import LaunchContext
    from launch_pipeline.orchestration.records import GivenAnswer, ItemSpec
    from launch_pipeline.people.contacts import Person


def judge(  # the guard and the task must ask with the very same facts
    spec: ItemSpec,
    launch: LaunchContext,
    answer: GivenAnswer,
    evidence: Evidence | None,
    answered_by: frozenset[str] = frozenset(),
    launch_over: bool = False,
) -> Person:
    """Return the person whose answer counts. Raises AnswerRefused with the rule that is broken."""
    item = spec.item
    request = AnswerRequest(
        answer=answer.option,
        options=spec.options,
        item_ref=spec.ref,
        owner=item.owner,
        gate=item.gate,
        severity=item.severity,
        airflow_user=answer.airflow_user,
        triggered_by=launch.started_by,
        reason=answer.reason,
        signature=answer.signature,
        checks_passed=(evidence is not None and evidence.passed) if item.mode.has_checks else None,
        already_answered_by=answered_by,
        launch_over=launch_over,
    )
    return judge_answer(request, contacts(), policy())
