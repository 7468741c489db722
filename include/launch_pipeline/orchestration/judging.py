"""Whether an answer counts: gather what the rules need, then ask the people room."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.checklist.files import checklist_folder, include_folder
from launch_pipeline.people.answers import AnswerRequest, judge_answer
from launch_pipeline.people.contacts import Contacts, load_contacts
from launch_pipeline.people.policy import Policy, load_policy

if TYPE_CHECKING:
    from launch_pipeline.orchestration.evidence import Evidence
    from launch_pipeline.orchestration.launch_context import LaunchContext
    from launch_pipeline.orchestration.records import GivenAnswer, ItemSpec
    from launch_pipeline.people.contacts import Person

CONTACTS_VARIABLE = "LAUNCH_CONTACTS"


def contacts() -> Contacts:
    """The people of this deployment, from the file named by ``LAUNCH_CONTACTS``.

    Read again when the file changes. Raises ConfigurationError where it is missing or wrong.
    """
    named = os.environ.get(CONTACTS_VARIABLE)
    path = Path(named) if named else include_folder() / "contacts.yaml"
    return _contacts(path, _stamp(path))


def policy() -> Policy:
    """The team's rules about answers. Raises ConfigurationError where the file is wrong."""
    path = checklist_folder() / "policy.yaml"
    return _policy(path, _stamp(path))


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=4)
def _contacts(path: Path, _stamp: int) -> Contacts:
    return load_contacts(path)


@lru_cache(maxsize=4)
def _policy(path: Path, _stamp: int) -> Policy:
    return load_policy(path)


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
