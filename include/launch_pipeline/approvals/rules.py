"""Decide whether a person's answer counts; the guard, the bridge and the task share this one function.

The rules are tried in this order, and the person reads the first one that is broken. ``judge_asking`` checks
those that need only the answer and the contacts, before anything is locked or waited for:

1.  ``unknown_option``      the request does not take this answer
2.  ``unknown_person``      the contacts do not have the Airflow user
3.  ``inactive``            the person is marked as inactive

    *Re-check* decides nothing: any known, active person may ask for it while the launch is running.

4.  ``not_your_role``       only holders of the owner's role answer, primary and backups alike
    ``waive_not_allowed``   for *Waive* and *Not applicable* the policy names the roles instead; owners waive
                            their own blocking items only if the policy allows it; it can also forbid waiving
                            blocking items altogether
5.  ``self_approval``       the person who triggered the launch neither decides nor signs, and approves or
                            waives no ordinary item that another person could, unless the policy allows it
6.  ``reason_missing``      a no, a waiver and *not applicable* need a readable reason
7.  ``signature_missing``, ``signature_mismatch``  a signature is the person's full name, typed

The remaining rules need the ledger and the evidence. They are checked under the request's lock and again by
the task:

8.  ``launch_over``         the launch has ended or was aborted
9.  ``two_roles``           one person does not decide or sign for two roles, unless the policy allows it; the
                            ledger checks this again when it appends the decision (``Ledger.append_decision``)
10. ``checks_not_passed``   a yes needs checks that passed
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from launch_pipeline.approvals.visible_text import visible_length
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Role, Severity
from launch_pipeline.errors import AnswerRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.approvals.policy import Policy

_SETS_ASIDE = frozenset(answer for answer in Answer if answer.sets_aside)


@dataclass(frozen=True, kw_only=True)
class AnswerRequest:
    """An answer as delivered, with what is known about the request it answers."""

    answer: str
    """The chosen option, word for word (an ``Answer``, or anything else a client sent)."""
    options: tuple[Answer, ...]
    item_ref: str
    owner: Role
    gate: RequestKind
    severity: Severity
    airflow_user: str
    """The Airflow user who answered."""
    triggered_by: str | None
    """The Airflow user who triggered the launch; None for a launch without one."""
    reason: str = ""
    signature: str = ""
    checks_passed: bool | None = None
    """Whether the checks passed in the evidence the person saw; None for an item without checks."""
    already_answered_by: frozenset[str] = frozenset()
    """Ids of people who have decided or signed for *another* role in this launch."""
    launch_over: bool = False


def judge_answer(request: AnswerRequest, contacts: Contacts, policy: Policy) -> Person:
    """Return the person whose answer counts.

    Raises AnswerRefused for the first broken rule, in the module's order, with a sentence that says what to
    do or who may answer instead.
    """
    case = _asked(request, contacts, policy)
    _launch_rule(request)
    if case.answer is not Answer.RECHECK:
        for rule in _RULES_OF_FACTS:
            rule(case)
    return case.person


def judge_asking(request: AnswerRequest, contacts: Contacts, policy: Policy) -> Person:
    """Return the person whose answer may count, by the rules that need neither ledger nor evidence.

    Raises AnswerRefused as ``judge_answer`` does, which checks these rules again.
    """
    return _asked(request, contacts, policy).person


def who_may_waive(contacts: Contacts, policy: Policy, owner: Role, severity: Severity) -> list[Person]:
    """Return the active people who may waive an item or call it not applicable, in the policy's order."""
    holders = [p for role in policy.waiver_roles(owner, severity) for p in contacts.holders(role)]
    barred = _barred(contacts, policy, owner, severity)
    return list({p.id: p for p in holders if p not in barred}.values())


def _barred(contacts: Contacts, policy: Policy, owner: Role, severity: Severity) -> list[Person]:
    """Return the owners of an item if they may not waive it, in any role they hold."""
    return [] if policy.owner_may_waive(owner, severity) else contacts.holders(owner)


def _asked(request: AnswerRequest, contacts: Contacts, policy: Policy) -> _Case:
    answer = _option(request)
    case = _Case(request, answer, _known_person(request, contacts), contacts, policy)
    if answer is not Answer.RECHECK:
        for rule in _RULES_OF_ASKING:
            rule(case)
    return case


@dataclass(frozen=True)
class _Case:
    request: AnswerRequest
    answer: Answer
    person: Person
    contacts: Contacts
    policy: Policy


def _launch_rule(request: AnswerRequest) -> None:
    if request.launch_over:
        _refuse("launch_over", "This launch is over and takes no more answers. Its report is the record.")


def _option(request: AnswerRequest) -> Answer:
    if request.answer not in request.options:
        choice = ", ".join(request.options)
        problem = f"{request.item_ref} does not take the answer '{request.answer}'."
        _refuse("unknown_option", f"{problem} Choose one of: {choice}.")
    return Answer(request.answer)


def _known_person(request: AnswerRequest, contacts: Contacts) -> Person:
    person = contacts.by_airflow_user(request.airflow_user)
    others = _who_may(contacts, [request.owner])
    if person is None:
        problem = f"Your Airflow account {request.airflow_user!r} is not in the contacts file."
        fix = "Ask a maintainer to add it as your 'airflow_user'."
        _refuse("unknown_person", f"{problem} {fix} {others}")
    if not person.active:
        _refuse("inactive", f"{person.name} is marked as inactive in the contacts file. {others}")
    return person


def _role_rule(case: _Case) -> None:
    request, answer = case.request, case.answer
    if answer in _SETS_ASIDE:
        _waiver_rule(case)
    elif case.person not in case.contacts.holders(request.owner):
        others = _who_may(case.contacts, [request.owner])
        _refuse("not_your_role", f"{request.item_ref} belongs to the {request.owner.label}. {others}")


def _waiver_rule(case: _Case) -> None:
    request, answer = case.request, case.answer
    if case.person not in who_may_waive(case.contacts, case.policy, request.owner, request.severity):
        problem = f"You may not answer '{answer}' for {request.item_ref}."
        _refuse("waive_not_allowed", f"{problem} {_who_waives(case)}")
    if waiver_forbidden(answer, request.severity, case.policy):
        problem = f"{request.item_ref} is blocking, and the policy allows no waiver of blocking items."
        _refuse("waive_not_allowed", f"{problem} Fix it, reject it, or answer 'Not applicable'.")


def _who_waives(case: _Case, *but: Person) -> str:
    request, contacts, policy = case.request, case.contacts, case.policy
    barred = _barred(contacts, policy, request.owner, request.severity)
    return _who_may(contacts, policy.waiver_roles(request.owner, request.severity), [*barred, *but])


def _self_approval_rule(case: _Case) -> None:
    if case.person.airflow_user != case.request.triggered_by or _may_approve_own(case):
        return
    sets_aside = case.answer in _SETS_ASIDE
    others = _who_waives(case, case.person) if sets_aside else _others(case)
    stop = " To stop the launch, run 'launch abort'." if case.answer.denies else ""
    what = f"answer '{case.answer}' for" if case.request.gate is RequestKind.APPROVAL else "answer"
    problem = f"You triggered this launch, so you may not {what} {case.request.item_ref}."
    _refuse("self_approval", f"{problem} {others}{stop}")


def _may_approve_own(case: _Case) -> bool:
    """Whether the person who triggered the launch may give this answer, e.g. because no one else can."""
    request = case.request
    if request.gate is not RequestKind.APPROVAL:
        return case.policy.self_approval
    if case.policy.self_approval_of_items or case.answer.denies:
        return True
    if case.answer in _SETS_ASIDE:
        may = who_may_waive(case.contacts, case.policy, request.owner, request.severity)
    else:
        may = case.contacts.holders(request.owner)
    return may == [case.person]


def _others(case: _Case) -> str:
    return _who_may(case.contacts, [case.request.owner], [case.person])


def _two_roles_rule(case: _Case) -> None:
    again = case.person.id in case.request.already_answered_by
    if again and not case.policy.two_roles_one_person and case.request.gate is not RequestKind.APPROVAL:
        stop = " To stop the launch, run 'launch abort'." if case.answer.denies else ""
        problem = "You have already answered for another role in this launch."
        _refuse("two_roles", f"{problem} {_others(case)}{stop}")


def _checks_rule(case: _Case) -> None:
    if blocked_by_checks(case.answer, case.request.checks_passed):
        problem = f"The checks of {case.request.item_ref} have not passed, so it cannot be approved."
        fix = "Fix the cause and answer 'Re-check', or waive or reject the item."
        _refuse("checks_not_passed", f"{problem} {fix}")


def _reason_rule(case: _Case) -> None:
    if refused := reason_fault(case.answer, case.request.reason, case.policy):
        raise refused


def _signature_rule(case: _Case) -> None:
    if case.request.gate is not RequestKind.SIGNATURE or not case.answer.affirms:
        return
    name = case.person.name
    typed = _plain(case.request.signature)
    if not typed:
        _refuse("signature_missing", f"Sign by typing your full name: {name}.")
    if typed != _plain(name):
        _refuse("signature_mismatch", f"The signature must be your full name in the contacts file: {name}.")


def reason_fault(answer: Answer, reason: str, policy: Policy) -> AnswerRefused | None:
    """Return the refusal of a reason that is too short for an answer that needs one, else None."""
    least = policy.min_reason_length
    if not answer.needs_reason or visible_length(reason) >= least:
        return None
    sentence = f"'{answer}' needs a reason of at least {least} characters, not counting blanks."
    return AnswerRefused("reason_missing", sentence)


_RULES_OF_ASKING: tuple[Callable[[_Case], None], ...] = (
    _role_rule,
    _self_approval_rule,
    _reason_rule,
    _signature_rule,
)
_RULES_OF_FACTS: tuple[Callable[[_Case], None], ...] = (_two_roles_rule, _checks_rule)


def _refuse(code: str, sentence: str) -> NoReturn:
    raise AnswerRefused(code, sentence)


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _who_may(contacts: Contacts, roles: Sequence[Role], but: Collection[Person] = ()) -> str:
    """Return who may answer, as a sentence: ``Ada Lindqvist or Bo Sato (Technical Lead) may answer``."""
    parts = []
    for role in roles:
        names = [person.name for person in contacts.holders(role) if person not in but]
        if names:
            parts.append(f"{' or '.join(names)} ({role.label})")
    if parts:
        return f"{', or '.join(parts)} may answer."
    labels = " or ".join(role.label for role in roles)
    return f"No one else may answer yet: add another {labels} to the contacts file."


def waiver_forbidden(answer: Answer, severity: Severity, policy: Policy) -> bool:
    """Return whether the policy forbids this answer to each person; clients then do not offer it."""
    return answer is Answer.WAIVE and severity is Severity.BLOCKING and not policy.waive_blocking_items


def blocked_by_checks(answer: Answer, checks_passed: bool | None) -> bool:
    """Return whether an answer cannot count because the checks have not passed."""
    return answer.affirms and checks_passed is False
