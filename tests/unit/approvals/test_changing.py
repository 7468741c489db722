"""Who may amend, retarget, hold and resume: an active person with a role of the policy, and no one else."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch_pipeline.approvals.changing import judge_amending, judge_confirming, judge_holding
from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import ChangeForbidden

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = load_contacts(ROOT / "include" / "contacts.example.yaml")
ADA, BO, CARLA, OMAR, DANA = (
    "ada.technical", "bo.technical", "carla.cto", "omar.operations", "dana.database",
)  # fmt: skip
AMENDERS = "Ada Lindqvist or Bo Sato (Technical Lead), or Carla Mendes or Elias Brandt"


def without(name: str) -> Contacts:
    """Give the contacts with one person inactive."""
    people = tuple(p.model_copy(update={"active": p.airflow_user != name}) for p in PEOPLE.people)
    return PEOPLE.model_copy(update={"people": people})


@pytest.mark.parametrize("user", [OMAR, DANA, "priya.product", "nobody.known", "ADA.TECHNICAL", "ada", ""])
def test_others_do_not_amend(user: str) -> None:
    """Another role, no person, and what only looks like a name: the sentence says who may."""
    with pytest.raises(ChangeForbidden, match=r"may amend a launch\.$") as caught:
        judge_amending(user, "amend", PEOPLE, Policy())
    assert AMENDERS in str(caught.value)


def test_person_who_left_does_not_amend() -> None:
    """Nor is an inactive person named among those who may."""
    with pytest.raises(ChangeForbidden, match="Ada Lindqvist is marked as inactive") as caught:
        judge_amending(ADA, "retarget", without(ADA), Policy())
    assert "Bo Sato (Technical Lead), or Carla" in str(caught.value)
    assert "may retarget a launch" in str(caught.value)


@pytest.mark.parametrize("user", [ADA, BO, CARLA, "elias.engineering"])
def test_primary_and_backups_amend(user: str) -> None:
    """Whoever holds a role of the policy."""
    assert judge_amending(user, "amend", PEOPLE, Policy()).airflow_user == user


def test_policy_names_other_roles() -> None:
    """What the team writes replaces the default."""
    policy = Policy(who_may_amend=(Role.DATABASE_ADMIN,), who_may_hold=(Role.CTO,))
    assert judge_amending(DANA, "amend", PEOPLE, policy).id == "dana"
    for judge, user in ((judge_amending, ADA), (judge_holding, OMAR)):
        with pytest.raises(ChangeForbidden):
            judge(user, "amend", PEOPLE, policy)


def test_no_one_left_is_said() -> None:
    """Where no active person holds the role, the contacts need another one."""
    policy = Policy(who_may_amend=(Role.QA_LEAD,))
    nobody = PEOPLE.model_copy(update={"roles": {}})
    with pytest.raises(ChangeForbidden, match="add another QA Lead to the contacts"):
        judge_amending(ADA, "amend", nobody, policy)


@pytest.mark.parametrize("user", [DANA, "sven.security", "nobody.known"])
def test_others_do_not_hold(user: str) -> None:
    """Only the four roles of go/no-go."""
    with pytest.raises(ChangeForbidden, match=r"may hold a launch\.$"):
        judge_holding(user, "hold", PEOPLE, Policy())
    assert judge_holding(OMAR, "hold", PEOPLE, Policy()).id == "omar"


def test_one_person_is_not_two() -> None:
    """Whoever asked does not confirm; the others are named."""
    with pytest.raises(ChangeForbidden, match="another person must confirm it") as caught:
        judge_confirming(ADA, ADA, PEOPLE, Policy())
    assert "Ada Lindqvist" not in str(caught.value)
    assert "Bo Sato (Technical Lead), or Carla Mendes" in str(caught.value)


def test_second_person_needs_the_right_and_the_first_still_has_it() -> None:
    """A confirmation joins two people who both may amend now."""
    with pytest.raises(ChangeForbidden, match="Omar Haddad holds none of the roles"):
        judge_confirming(OMAR, ADA, PEOPLE, Policy())
    for proposer, people in ((ADA, without(ADA)), (OMAR, PEOPLE), ("gone", PEOPLE)):
        with pytest.raises(ChangeForbidden, match="may no longer amend"):
            judge_confirming(CARLA, proposer, people, Policy())
    assert judge_confirming(CARLA, ADA, PEOPLE, Policy()).id == "carla"
