"""Decide which people may amend, retarget, hold and resume a launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.errors import ChangeForbidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.vocabulary import Role


def judge_amending(airflow_user: str, verb: str, contacts: Contacts, policy: Policy) -> Person:
    """Return the person who may amend a launch or move it to another commit.

    Raises ChangeForbidden, with a sentence that names who may.
    """
    return _judged(airflow_user, verb, contacts, policy.who_may_amend)


def judge_confirming(airflow_user: str, proposer: str, contacts: Contacts, policy: Policy) -> Person:
    """Return the second person who may confirm an amendment that ``proposer`` asked for.

    Raises ChangeForbidden for the proposer, and if the proposer may no longer amend a launch.
    """
    roles = policy.who_may_amend
    person = _judged(airflow_user, "amend", contacts, roles)
    if person == contacts.by_airflow_user(proposer) or airflow_user == proposer:
        problem = "You asked for this amendment, so another person must confirm it."
        raise ChangeForbidden(f"{problem} {_who_may('confirm it', contacts, roles, [person])}")
    try:
        _judged(proposer, "amend", contacts, roles)
    except ChangeForbidden:
        problem = f"{proposer}, who asked for this amendment, may no longer amend a launch."
        raise ChangeForbidden(f"{problem} Ask for it anew with a reason of your own.") from None
    return person


def judge_holding(airflow_user: str, verb: str, contacts: Contacts, policy: Policy) -> Person:
    """Return the person who may hold or resume a launch by their role.

    Raises ChangeForbidden, with a sentence that names who may.
    """
    return _judged(airflow_user, verb, contacts, policy.who_may_hold)


def _judged(airflow_user: str, verb: str, contacts: Contacts, roles: Sequence[Role]) -> Person:
    person = contacts.by_airflow_user(airflow_user)
    others = _who_may(f"{verb} a launch", contacts, roles)
    if person is None:
        problem = f"Your Airflow account {airflow_user!r} is not in the contacts file."
        raise ChangeForbidden(f"{problem} {others}")
    if not person.active:
        problem = f"{person.name} is marked as inactive in the contacts file."
        raise ChangeForbidden(f"{problem} {others}")
    if not any(person in contacts.holders(role) for role in roles):
        problem = f"{person.name} holds none of the roles that may {verb} a launch."
        raise ChangeForbidden(f"{problem} {others}")
    return person


def _who_may(what: str, contacts: Contacts, roles: Iterable[Role], but: Sequence[Person] = ()) -> str:
    """Return who may do it, as a sentence: ``Ada Lindqvist (CTO) may amend a launch``."""
    roles = tuple(roles)
    named = {role: [p.name for p in contacts.holders(role) if p not in but] for role in roles}
    parts = [f"{' or '.join(names)} ({role.label})" for role, names in named.items() if names]
    if parts:
        return f"{', or '.join(parts)} may {what}."
    labels = " or ".join(role.label for role in roles)
    return f"No one else may {what} yet: add another {labels} to the contacts file."
