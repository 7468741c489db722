"""``judge_answer``: a row per rule, and the order of the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.approvals.rules import AnswerRequest, judge_answer, judge_asking
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Role, Severity
from launch_pipeline.errors import AnswerRefused

EXAMPLE = Path(__file__).resolve().parents[3] / "include" / "contacts.example.yaml"
REASON = "not needed for this release"

# An item of the security lead (Sven, backup Selma) whose checks have passed, approved by Sven.
ITEM = AnswerRequest(
    answer=Answer.APPROVE,
    options=(Answer.APPROVE, Answer.WAIVE, Answer.NOT_APPLICABLE, Answer.REJECT, Answer.RECHECK),
    item_ref="security.tls",
    owner=Role.SECURITY_LEAD,
    gate=RequestKind.APPROVAL,
    severity=Severity.BLOCKING,
    airflow_user="sven.security",
    triggered_by="ada.technical",
    checks_passed=True,
)
GO = replace(
    ITEM,
    answer=Answer.GO,
    options=(Answer.GO, Answer.NO_GO),
    item_ref="go_no_go.technical_lead",
    owner=Role.TECHNICAL_LEAD,
    gate=RequestKind.DECISION,
    airflow_user="bo.technical",
    checks_passed=None,
)
SIGN = replace(
    GO,
    answer=Answer.SIGN,
    options=(Answer.SIGN, Answer.DECLINE),
    gate=RequestKind.SIGNATURE,
    signature="Bo Sato",
)
OPEN = Policy(self_approval=True, self_approval_of_items=True, two_roles_one_person=True)
OWNERS = Policy(owner_waives_blocking=True)
STRICT_WAIVERS = Policy(who_may_waive={Role.SECURITY_LEAD: (Role.CTO,)})
NO_WAIVERS = Policy(waive_blocking_items=False)
BO = frozenset({"bo"})


def _waive(**changes: Any) -> AnswerRequest:
    """Build a waiver of Sven's item by the CTO, who answers for none of it."""
    waived = {"answer": Answer.WAIVE, "reason": REASON, "airflow_user": "carla.cto"}
    return replace(ITEM, **{**waived, **changes})


COUNTS = [
    ("the primary approves", ITEM, Policy(), "sven"),
    ("a backup approves", replace(ITEM, airflow_user="selma.officer"), Policy(), "selma"),
    ("an item without checks is approved", replace(ITEM, checks_passed=None), Policy(), "sven"),
    ("a failing item is rejected", replace(ITEM, answer=Answer.REJECT, checks_passed=False, reason=REASON),
     Policy(), "sven"),
    ("a failing item is waived", _waive(checks_passed=False), Policy(), "carla"),
    ("the technical lead waives", _waive(airflow_user="bo.technical"), Policy(), "bo"),
    ("the CTO waives the technical lead's", _waive(owner=Role.TECHNICAL_LEAD), Policy(), "carla"),
    ("the technical lead waives the CTO's", _waive(owner=Role.CTO, airflow_user="bo.technical"),
     Policy(), "bo"),
    ("the CTO waives for the unnamed QA lead", _waive(owner=Role.QA_LEAD), Policy(), "carla"),
    ("the owner waives where the policy says so", _waive(airflow_user="sven.security"), OWNERS, "sven"),
    ("the owner waives where the policy names the role", _waive(airflow_user="sven.security"),
     Policy(who_may_waive={Role.SECURITY_LEAD: (Role.SECURITY_LEAD,)}), "sven"),
    ("the owner waives an advisory item",
     _waive(airflow_user="sven.security", severity=Severity.ADVISORY), Policy(), "sven"),
    ("not applicable by the technical lead",
     _waive(answer=Answer.NOT_APPLICABLE, airflow_user="bo.technical"), Policy(), "bo"),
    ("the CTO's backup waives where only the CTO may", _waive(airflow_user="elias.engineering"),
     STRICT_WAIVERS, "elias"),
    ("an advisory item is waived where blocking ones are not", _waive(severity=Severity.ADVISORY),
     NO_WAIVERS, "carla"),
    ("not applicable stays possible without waivers", _waive(answer=Answer.NOT_APPLICABLE),
     NO_WAIVERS, "carla"),
    ("anybody known asks for a re-check", replace(ITEM, answer=Answer.RECHECK, airflow_user="noor.network"),
     Policy(), "noor"),
    ("a plain string is an answer", replace(ITEM, answer="Approve"), Policy(), "sven"),
    ("the triggerer approves an item where the policy says so",
     replace(ITEM, triggered_by="sven.security"), OPEN, "sven"),
    ("the triggerer approves what nobody else could",
     replace(ITEM, owner=Role.PRODUCT_MANAGER, airflow_user="priya.product", triggered_by="priya.product"),
     Policy(), "priya"),
    ("the triggerer rejects an item",
     replace(ITEM, answer=Answer.REJECT, reason=REASON, triggered_by="sven.security"), Policy(), "sven"),
    ("the triggerer asks for a re-check",
     replace(ITEM, answer=Answer.RECHECK, triggered_by="sven.security"), Policy(), "sven"),
    ("one person approves items of two roles", replace(ITEM, already_answered_by=frozenset({"sven"})),
     Policy(), "sven"),
    ("the technical lead answers for the unnamed QA lead",
     replace(ITEM, owner=Role.QA_LEAD, airflow_user="bo.technical"), Policy(), "bo"),
    ("a backup says go", GO, Policy(), "bo"),
    ("a no go needs no more than a reason", replace(GO, answer=Answer.NO_GO, reason=REASON), Policy(), "bo"),
    ("nobody triggered the launch", replace(GO, triggered_by=None), Policy(), "bo"),
    ("the triggerer says go where allowed", replace(GO, airflow_user="ada.technical"), OPEN, "ada"),
    ("a second role where allowed", replace(GO, already_answered_by=BO), OPEN, "bo"),
    ("others having answered is nothing to Bo", replace(GO, already_answered_by=frozenset({"omar"})),
     Policy(), "bo"),
    ("a signature in another case and spacing", replace(SIGN, signature="  bo   SATO "), Policy(), "bo"),
    ("declining needs no signature", replace(SIGN, answer=Answer.DECLINE, signature="", reason=REASON),
     Policy(), "bo"),
    ("a reason of the least length", _waive(reason="0123456789"), Policy(), "carla"),
    ("a reason in another script", _waive(reason="このリリースには必要ありません"), Policy(), "carla"),
]  # fmt: skip

REFUSED = [
    ("a launch that is over", replace(ITEM, launch_over=True), Policy(), "launch_over", "is over"),
    ("an answer that is no option", replace(ITEM, answer="Maybe"), Policy(),
     "unknown_option", "Choose one of: Approve, Waive"),
    ("an option of another gate", replace(ITEM, answer=Answer.GO), Policy(),
     "unknown_option", "security.tls does not take the answer 'Go'"),
    ("an approval where none is asked for", replace(ITEM, options=(Answer.WAIVE, Answer.REJECT)), Policy(),
     "unknown_option", "Choose one of: Waive, Reject"),
    ("an Airflow user who is nobody", replace(ITEM, airflow_user="mallory"), Policy(),
     "unknown_person", "Sven Okafor or Selma Duarte (Security Lead) may"),
    ("a user name in another case", replace(ITEM, airflow_user="Sven.Security"), Policy(),
     "unknown_person", "'Sven.Security' is not in the contacts"),
    ("no user at all", replace(ITEM, airflow_user=""), Policy(), "unknown_person", "'' is not in"),
    ("a re-check by nobody", replace(ITEM, answer=Answer.RECHECK, airflow_user="mallory"), Policy(),
     "unknown_person", "not in the contacts"),
    ("a person who has left", replace(ITEM, airflow_user="milo.product"), Policy(),
     "inactive", "Milo Ferreira is marked as inactive"),
    ("a re-check by a person who has left",
     replace(ITEM, answer=Answer.RECHECK, airflow_user="milo.product"), Policy(), "inactive", "inactive"),
    ("another role approving", replace(ITEM, airflow_user="noor.network"), Policy(),
     "not_your_role", "Sven Okafor or Selma Duarte (Security Lead) may answer"),
    ("the CTO approving what they may only waive", replace(ITEM, airflow_user="carla.cto"), Policy(),
     "not_your_role", "belongs to the Security Lead"),
    ("another role rejecting",
     replace(ITEM, answer=Answer.REJECT, reason=REASON, airflow_user="carla.cto"), Policy(),
     "not_your_role", "may answer"),
    ("the owner waiving a blocking item", _waive(airflow_user="sven.security"), Policy(),
     "waive_not_allowed", "Bo Sato (Technical Lead), or Carla Mendes"),
    ("the owner's backup waiving a blocking item", _waive(airflow_user="selma.officer"), Policy(),
     "waive_not_allowed", "Carla Mendes"),
    ("the owner calling a blocking item not applicable",
     _waive(airflow_user="sven.security", answer=Answer.NOT_APPLICABLE), Policy(),
     "waive_not_allowed", "You may not answer 'Not applicable'"),
    ("the technical lead waiving as the owner",
     _waive(owner=Role.TECHNICAL_LEAD, airflow_user="bo.technical"),
     Policy(), "waive_not_allowed", "Carla Mendes or Elias Brandt (CTO / Engineering Director) may"),
    ("the CTO waiving as the owner", _waive(owner=Role.CTO), Policy(),
     "waive_not_allowed", "Bo Sato (Technical Lead) may"),
    ("the technical lead waiving for the QA lead in whose place they answer",
     _waive(owner=Role.QA_LEAD, airflow_user="bo.technical"), Policy(),
     "waive_not_allowed", "Carla Mendes"),
    ("the triggerer approving an item", replace(ITEM, triggered_by="sven.security"), Policy(),
     "self_approval", "may not answer 'Approve' for security.tls. Selma Duarte (Security Lead) may"),
    ("the triggerer waiving an item", _waive(airflow_user="ada.technical"), Policy(),
     "self_approval", "Bo Sato (Technical Lead), or Carla Mendes or Elias Brandt"),
    ("the triggerer calling an item not applicable",
     _waive(airflow_user="ada.technical", answer=Answer.NOT_APPLICABLE), Policy(),
     "self_approval", "Bo Sato"),
    ("another role waiving", _waive(airflow_user="noor.network"), Policy(),
     "waive_not_allowed", "Carla Mendes or Elias Brandt (CTO / Engineering Director) may"),
    ("the owner waiving where only the CTO may", _waive(airflow_user="sven.security"), STRICT_WAIVERS,
     "waive_not_allowed", "Carla Mendes"),
    ("not applicable as a way round the waiver",
     _waive(answer=Answer.NOT_APPLICABLE, airflow_user="sven.security"),
     STRICT_WAIVERS,
     "waive_not_allowed", "You may not answer 'Not applicable'"),
    ("a blocking item waived against the policy", _waive(), NO_WAIVERS,
     "waive_not_allowed", "allows no waiver of blocking items"),
    ("the triggerer saying go", replace(GO, airflow_user="ada.technical"), Policy(),
     "self_approval", "Bo Sato (Technical Lead) may"),
    ("the triggerer signing", replace(SIGN, airflow_user="ada.technical", signature="Ada Lindqvist"),
     Policy(), "self_approval", "Bo Sato (Technical Lead) may"),
    ("the triggerer saying no go learns how to stop the launch",
     replace(GO, airflow_user="ada.technical", answer=Answer.NO_GO, reason=REASON), Policy(),
     "self_approval", "run 'launch abort'"),
    ("a second role", replace(GO, already_answered_by=BO), Policy(),
     "two_roles", "Ada Lindqvist (Technical Lead) may"),
    ("approving failing checks", replace(ITEM, checks_passed=False), Policy(),
     "checks_not_passed", "'Re-check'"),
    ("rejecting without a reason", replace(ITEM, answer=Answer.REJECT), Policy(),
     "reason_missing", "at least 10 characters"),
    ("waiving with blanks for a reason", _waive(reason=" " * 40), Policy(), "reason_missing", "a reason of"),
    ("waiving with zero-width characters for a reason", _waive(reason="\u200b" * 40), Policy(),
     "reason_missing", "not counting blanks"),
    ("stretching a reason with fillers", _waive(reason="no" + "\u3164" * 40), Policy(),
     "reason_missing", "needs a reason"),
    ("stretching a reason with blanks", _waive(reason="a     b\n\n\n c"), Policy(),
     "reason_missing", "needs a reason"),
    ("not applicable without a reason", _waive(answer=Answer.NOT_APPLICABLE, reason="no"), Policy(),
     "reason_missing", "'Not applicable' needs a reason"),
    ("no go without a reason", replace(GO, answer=Answer.NO_GO), Policy(), "reason_missing", "'No go'"),
    ("declining without a reason", replace(SIGN, answer=Answer.DECLINE), Policy(),
     "reason_missing", "'Decline'"),
    ("no signature", replace(SIGN, signature=" "), Policy(), "signature_missing", "full name: Bo Sato"),
    ("initials", replace(SIGN, signature="B. S."), Policy(), "signature_mismatch", "Bo Sato"),
    ("the name of another", replace(SIGN, signature="Ada Lindqvist"), Policy(),
     "signature_mismatch", "Bo Sato"),
]  # fmt: skip


@pytest.fixture(scope="module")
def contacts() -> Contacts:
    """Give the example's contacts, from which Milo has left."""
    contacts = load_contacts(EXAMPLE)
    people = tuple(p.model_copy(update={"active": p.id != "milo"}) for p in contacts.people)
    return contacts.model_copy(update={"people": people})


@pytest.mark.parametrize(("request_", "policy", "who"), [r[1:] for r in COUNTS], ids=[r[0] for r in COUNTS])
def test_answer_counts(contacts: Contacts, request_: AnswerRequest, policy: Policy, who: str) -> None:
    """An answer within the rules counts as its person's."""
    assert judge_answer(request_, contacts, policy).id == who


@pytest.mark.parametrize(
    ("request_", "policy", "code", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_answer_is_refused(
    contacts: Contacts, request_: AnswerRequest, policy: Policy, code: str, words: str
) -> None:
    """An answer against a rule is refused with its code and a sentence that says what now."""
    with pytest.raises(AnswerRefused) as caught:
        judge_answer(request_, contacts, policy)
    assert caught.value.code == code
    assert words in caught.value.reason
    assert caught.value.reason.endswith(".")


def test_rules_are_tried_in_the_documented_order(contacts: Contacts) -> None:
    """Of several broken rules the first is named; repairing one shows the next."""
    request = AnswerRequest(
        answer="Perhaps",
        options=(Answer.SIGN, Answer.DECLINE, Answer.WAIVE),
        item_ref="sign_off.technical_lead",
        owner=Role.TECHNICAL_LEAD,
        gate=RequestKind.SIGNATURE,
        severity=Severity.BLOCKING,
        airflow_user="mallory",
        triggered_by="bo.technical",
        checks_passed=False,
        already_answered_by=BO,
        launch_over=True,
    )
    repairs: list[tuple[str, dict[str, Any]]] = [
        ("unknown_option", {"answer": Answer.SIGN}),
        ("unknown_person", {"airflow_user": "milo.product"}),
        ("inactive", {"airflow_user": "noor.network"}),
        ("not_your_role", {"airflow_user": "bo.technical"}),
        ("self_approval", {"triggered_by": None}),
        ("signature_missing", {"signature": "Bob"}),
        ("signature_mismatch", {"signature": "bo sato"}),
        ("launch_over", {"launch_over": False}),
        ("two_roles", {"already_answered_by": frozenset()}),
        ("checks_not_passed", {"checks_passed": True}),
    ]
    for code, repair in repairs:
        with pytest.raises(AnswerRefused) as caught:
            judge_answer(request, contacts, Policy())
        assert caught.value.code == code
        request = replace(request, **repair)
    assert judge_answer(request, contacts, Policy()).id == "bo"


WITHOUT_FACTS = {"launch_over", "two_roles", "checks_not_passed"}


@pytest.mark.parametrize(
    ("request_", "policy", "code"), [r[1:4] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_needs_no_facts_is_judged_at_once(
    contacts: Contacts, request_: AnswerRequest, policy: Policy, code: str
) -> None:
    """Before lock and ledger the same rules refuse with the same code, but for those that need facts."""
    unknown = replace(request_, checks_passed=None, already_answered_by=frozenset(), launch_over=False)
    if code in WITHOUT_FACTS:
        assert judge_asking(unknown, contacts, policy)
        return
    with pytest.raises(AnswerRefused) as caught:
        judge_asking(unknown, contacts, policy)
    assert caught.value.code == code


def test_reason_comes_after_the_role(contacts: Contacts) -> None:
    """Who may not waive is told so before they write a reason."""
    with pytest.raises(AnswerRefused) as caught:
        judge_answer(_waive(reason="", airflow_user="noor.network"), contacts, Policy())
    assert caught.value.code == "waive_not_allowed"


def test_nobody_else_holding_the_role_is_said(contacts: Contacts) -> None:
    """Where the triggerer is the role's only holder the sentence asks for another holder."""
    roles = {**contacts.roles, Role.TECHNICAL_LEAD: contacts.roles[Role.TECHNICAL_LEAD].model_copy(
        update={"backups": ()})}  # fmt: skip
    alone = contacts.model_copy(update={"roles": roles})
    with pytest.raises(AnswerRefused, match="add another Technical Lead to the contacts"):
        judge_answer(replace(GO, airflow_user="ada.technical"), alone, Policy())
