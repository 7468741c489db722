"""Whether a person's answer counts: one function for the guard, the bridge and the task's ``decide``.

The rules, in the order they are tried; the first that is broken is the one the person reads. What the answer
itself and the contacts say is judged by ``judge_asking`` as well, before anything is waited for or locked:

1.  ``unknown_option``      the answer is not among the options of this request
2.  ``unknown_person``      the Airflow user is nobody in the contacts
3.  ``inactive``            the person is not active any more

    *Re-check* decides nothing: any known, active person may ask for it while the launch is under way.

4.  ``not_your_role``       only holders of the owner's role answer (primary and backups alike)
    ``waive_not_allowed``   for *Waive* and *Not applicable* the policy names the roles instead; of a blocking
                            item nobody who answers for it may, unless the policy says so; and the policy may
                            forbid waiving blocking items
5.  ``self_approval``       who triggered the launch neither decides nor signs, and lets no ordinary item pass
                            that somebody else could, unless the policy allows it
6.  ``reason_missing``      a no, a waiver and *not applicable* need a reason that can be read
7.  ``signature_missing``, ``signature_mismatch``  a signature is the person's full name, typed

What only the ledger and the evidence say is judged after these, under the gate's lock and again by the task:

8.  ``launch_over``         the launch has ended or was aborted
9.  ``two_roles``           nobody decides or signs for two roles, unless the policy allows it; where the
                            ledger takes the decision it looks once more (``Ledger.append_decision``)
10. ``checks_not_passed``   a yes needs checks that passed
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from launch_pipeline.approvals.written import visible_length
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Role, Severity
from launch_pipeline.errors import AnswerRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.approvals.policy import Policy

_SETS_ASIDE = frozenset(answer for answer in Answer if answer.sets_aside)


@dataclass(frozen=True, kw_only=True)
class AnswerRequest:
    """An answer as delivered, with what is known about the gate it was given to."""

    answer: str
    """The chosen option, word for word (an ``Answer``, or whatever a client sent)."""
    options: tuple[Answer, ...]
    item_ref: str
    owner: Role
    gate: RequestKind
    severity: Severity
    airflow_user: str
    """Who answered, as Airflow knows him."""
    triggered_by: str | None
    """The Airflow user who triggered the launch; None where nobody did."""
    reason: str = ""
    signature: str = ""
    checks_passed: bool | None = None
    """Of the evidence the person saw; None where the item has no checks."""
    already_answered_by: frozenset[str] = frozenset()
    """Ids of people who have decided or signed for *another* role in this launch."""
    launch_over: bool = False


def judge_answer(request: AnswerRequest, contacts: Contacts, policy: Policy) -> Person:
    """Return the person whose answer counts.

    Raises AnswerRefused with the first rule that is broken (order: see the module) and a sentence that
    says what to do or who may instead.
    """
    case = _asked(request, contacts, policy)
    _launch_rule(request)
    if case.answer is not Answer.RECHECK:
        for rule in _RULES_OF_FACTS:
            rule(case)
    return case.person


def judge_asking(request: AnswerRequest, contacts: Contacts, policy: Policy) -> Person:
    """Return the person whose answer may count, as far as ledger and evidence need not be asked.

    Raises AnswerRefused as ``judge_answer`` does, which judges all of this again.
    """
    return _asked(request, contacts, policy).person


def who_may_waive(contacts: Contacts, policy: Policy, owner: Role, severity: Severity) -> list[Person]:
    """Give the active people who may waive an item or call it not applicable, in the policy's order."""
    holders = [p for role in policy.waiver_roles(owner, severity) for p in contacts.holders(role)]
    barred = _barred(contacts, policy, owner, severity)
    return list({p.id: p for p in holders if p not in barred}.values())


def _barred(contacts: Contacts, policy: Policy, owner: Role, severity: Severity) -> list[Person]:
    """Who answers for an item as its owner, and so may not set it aside, in whatever other role."""
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
        _refuse("launch_over", "This launch is over, so nothing can be answered; its report is the record.")


def _option(request: AnswerRequest) -> Answer:
    if request.answer not in request.options:
        choice = ", ".join(request.options)
        _refuse("unknown_option", f"'{request.answer}' is no answer to {request.item_ref}; choose: {choice}.")
    return Answer(request.answer)


def _known_person(request: AnswerRequest, contacts: Contacts) -> Person:
    person = contacts.by_airflow_user(request.airflow_user)
    may = f"{_who(contacts, [request.owner])} may answer {request.item_ref}."
    if person is None:
        who = f"The Airflow user {request.airflow_user!r} is nobody in the contacts;"
        _refuse("unknown_person", f"{who} have him added as 'airflow_user' there. {may}")
    if not person.active:
        _refuse("inactive", f"{person.name} is marked as not active in the contacts. {may}")
    return person


def _role_rule(case: _Case) -> None:
    request, answer = case.request, case.answer
    if answer in _SETS_ASIDE:
        _waiver_rule(case)
    elif case.person not in case.contacts.holders(request.owner):
        may = _who(case.contacts, [request.owner])
        _refuse(
            "not_your_role", f"{request.item_ref} belongs to the {request.owner.label}: {may} may answer."
        )


def _waiver_rule(case: _Case) -> None:
    request, answer = case.request, case.answer
    if case.person not in who_may_waive(case.contacts, case.policy, request.owner, request.severity):
        sentence = f"'{answer}' is not yours to answer for {request.item_ref}: {_who_waives(case)} may."
        _refuse("waive_not_allowed", sentence)
    if waiver_forbidden(answer, request.severity, case.policy):
        blocking = f"{request.item_ref} is blocking and the policy allows no waiver of blocking items;"
        _refuse("waive_not_allowed", f"{blocking} make it pass, reject it, or answer 'Not applicable'.")


def _who_waives(case: _Case, *but: Person) -> str:
    request, contacts, policy = case.request, case.contacts, case.policy
    barred = _barred(contacts, policy, request.owner, request.severity)
    return _who(contacts, policy.waiver_roles(request.owner, request.severity), [*barred, *but])


def _self_approval_rule(case: _Case) -> None:
    if case.person.airflow_user != case.request.triggered_by or _may_approve_own(case):
        return
    sets_aside = case.answer in _SETS_ASIDE
    others = _who_waives(case, case.person) if sets_aside else _others(case)
    stop = " To stop the launch, run 'launch abort'." if case.answer.denies else ""
    what = f"answer '{case.answer}' for" if case.request.gate is RequestKind.APPROVAL else "answer"
    sentence = f"You triggered this launch, so you may not {what} {case.request.item_ref}: {others} may."
    _refuse("self_approval", sentence + stop)


def _may_approve_own(case: _Case) -> bool:
    """Whether who triggered the launch may say this: a no to an ordinary item, or what nobody else could."""
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
    return _who(case.contacts, [case.request.owner], [case.person])


def _two_roles_rule(case: _Case) -> None:
    again = case.person.id in case.request.already_answered_by
    if again and not case.policy.two_roles_one_person and case.request.gate is not RequestKind.APPROVAL:
        stop = " To stop the launch, run 'launch abort'." if case.answer.denies else ""
        done = "You have already answered for another role in this launch;"
        _refuse("two_roles", f"{done} for the {case.request.owner.label} {_others(case)} may.{stop}")


def _checks_rule(case: _Case) -> None:
    if blocked_by_checks(case.answer, case.request.checks_passed):
        problem = f"The checks of {case.request.item_ref} have not passed, so it cannot be approved;"
        _refuse("checks_not_passed", f"{problem} repair it and answer 'Re-check', or waive or reject it.")


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
        _refuse("signature_mismatch", f"The signature must be your full name as in the contacts: {name}.")


def reason_fault(answer: Answer, reason: str, policy: Policy) -> AnswerRefused | None:
    """Say why a reason does not do for an answer, None where it does, or none is needed."""
    least = policy.min_reason_length
    if not answer.needs_reason or visible_length(reason) >= least:
        return None
    sentence = f"'{answer}' needs a reason of at least {least} characters (blanks do not count); say why."
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


def _who(contacts: Contacts, roles: Sequence[Role], but: Collection[Person] = ()) -> str:
    """Name who may, with roles: ``Ada Lindqvist or Bo Sato (Technical Lead)``."""
    parts = []
    for role in roles:
        names = [person.name for person in contacts.holders(role) if person not in but]
        if names:
            parts.append(f"{' or '.join(names)} ({role.label})")
    labels = " or ".join(role.label for role in roles)
    return ", or ".join(parts) or f"nobody yet (name another {labels} in the contacts)"


def waiver_forbidden(answer: Answer, severity: Severity, policy: Policy) -> bool:
    """Return whether the policy allows this answer to nobody; clients then do not offer it."""
    return answer is Answer.WAIVE and severity is Severity.BLOCKING and not policy.waive_blocking_items


def blocked_by_checks(answer: Answer, checks_passed: bool | None) -> bool:
    """Return whether an answer cannot count because the checks have not passed."""
    return answer.affirms and checks_passed is False
