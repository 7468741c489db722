"""Decide whether a person's roles allow them to hold and resume a launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.approvals.contacts import SIGNING_ROLES

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.vocabulary import Role


def roles_that_hold(policy: Policy) -> tuple[Role, ...]:
    """Return the roles that may hold a launch; by default those that decide go/no-go."""
    roles: tuple[Role, ...] = getattr(policy, "who_may_hold", SIGNING_ROLES)
    return roles


def may_hold(person: Person, contacts: Contacts, policy: Policy) -> bool:
    """Return whether an active person holds one of these roles, as primary or backup."""
    return person.active and any(person in contacts.holders(role) for role in roles_that_hold(policy))


def who_may_hold(contacts: Contacts, policy: Policy) -> str:
    """Return who may, in words."""
    found = [person.name for role in roles_that_hold(policy) for person in contacts.holders(role)]
    return " or ".join(dict.fromkeys(found)) or "no one in the contacts"
