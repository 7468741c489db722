"""Policy: strict defaults, and wrong values that are named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from launch_pipeline.approvals.policy import Policy, load_policy
from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.checklist.vocabulary import Role, Severity
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.launch.deployed_checklists import deployed_dags

ROOT = Path(__file__).resolve().parents[3]

WRONG = [
    ("recheck: 60", "recheck", "60 is not accepted", "correct the value"),
    ("recheck: 10ms", "recheck", "10ms is too short", "1s or more"),
    ("settle: 0", "settle", "0 is too short", "1s or more"),
    ("fresh_for: -1h", "fresh_for", "-1h is too short", "1s or more"),
    ("escalate_after: 1m", "escalate_after", "1m is before the first reminder", "30m"),
    ("min_reason_length: 0", "min_reason_length", "0 is not accepted", "correct the value"),
    ("self_aproval: true", "self_aproval", "is not known", "spelling"),
    ("who_may_waive: {boss: [cto]}", "who_may_waive.boss", "'boss' is not accepted", "correct the value"),
    ("who_may_waive: {cto: []}", "who_may_waive.cto", "[] is not accepted", "correct the value"),
    ("who_may_amend: []", "who_may_amend", "[] is not accepted", "correct the value"),
    ("who_may_amend: [boss]", "who_may_amend.0", "'boss' is not accepted", "correct the value"),
    ("who_may_hold: []", "who_may_hold", "[] is not accepted", "correct the value"),
    ("amend_needs_second: often", "amend_needs_second", "'often' is not accepted", "correct the value"),
    ("watch_every: 10ms", "watch_every", "10ms is too short", "1s or more"),
    ("schema_version: 9", "schema_version", "9 is not accepted", "correct the value"),
]


def test_committed_policy_is_the_default() -> None:
    """The file of the checklist says what the code does without it."""
    assert load_policy(ROOT / "include" / "checklists" / "policy.yaml") == Policy()


def test_default_is_the_strict_side() -> None:
    """No one approves their own launch or answers for two roles unless a team writes so."""
    policy = Policy()
    assert not policy.self_approval
    assert not policy.self_approval_of_items
    assert not policy.owner_waives_blocking
    assert not policy.two_roles_one_person
    assert not policy.slack_by_email
    assert policy.settle == timedelta(seconds=3)
    assert policy.fresh_for == timedelta(hours=1)


@pytest.mark.parametrize(("line", "place", "problem", "fix"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_value_is_named(tmp_path: Path, line: str, place: str, problem: str, fix: str) -> None:
    """A wrong policy is refused with file, place, value and fix."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_policy(path)
    assert (caught.value.source, caught.value.place) == (str(path), place)
    assert problem in caught.value.problem
    assert fix in caught.value.fix


def test_technical_lead_and_cto_amend_and_those_of_go_no_go_hold() -> None:
    """By default; whoever decides go/no-go in the shipped checklist may hold, and no one else by role."""
    assert Policy().who_may_amend == (Role.TECHNICAL_LEAD, Role.CTO)
    deciders = [spec.item.owner for spec in deployed_dags()[GO_NO_GO].specs.values()]
    assert list(Policy().who_may_hold) == deciders
    assert not Policy().amend_needs_second
    assert Policy().watch_every == timedelta(seconds=5)


def test_owner_technical_lead_and_cto_waive_by_default() -> None:
    """Without a line for the owner: technical lead and CTO, and of advisory items the owner, each once."""
    advisory = {role: Policy().waiver_roles(role, Severity.ADVISORY) for role in Role}
    assert advisory[Role.SECURITY_LEAD] == (Role.SECURITY_LEAD, Role.TECHNICAL_LEAD, Role.CTO)
    assert advisory[Role.CTO] == (Role.CTO, Role.TECHNICAL_LEAD)
    blocking = {role: Policy().waiver_roles(role, Severity.BLOCKING) for role in Role}
    assert blocking[Role.SECURITY_LEAD] == (Role.TECHNICAL_LEAD, Role.CTO)
    assert (blocking[Role.CTO], blocking[Role.TECHNICAL_LEAD]) == ((Role.TECHNICAL_LEAD,), (Role.CTO,))
    team = Policy(owner_waives_blocking=True)
    assert {role: team.waiver_roles(role, Severity.BLOCKING) for role in Role} == advisory


def test_line_for_an_owner_replaces_the_default() -> None:
    """A line for the owner says exactly who may waive."""
    policy = Policy(who_may_waive={Role.SECURITY_LEAD: (Role.CTO,)})
    assert policy.waiver_roles(Role.SECURITY_LEAD, Severity.BLOCKING) == (Role.CTO,)
    assert policy.waiver_roles(Role.QA_LEAD, Severity.BLOCKING) == (Role.TECHNICAL_LEAD, Role.CTO)
