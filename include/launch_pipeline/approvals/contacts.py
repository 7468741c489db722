"""Who is who: people, the roles they hold, and the rollback contacts of the document's appendix."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from launch_pipeline.approvals.files import fault, load_model
from launch_pipeline.base import Frozen
from launch_pipeline.checklist.model import Identifier
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

EXAMPLE = "contacts.example.yaml"
SIGNING_ROLES = (Role.TECHNICAL_LEAD, Role.PRODUCT_MANAGER, Role.OPERATIONS_LEAD, Role.CTO)
"""The document's Sign-Off: without holders of these four no launch can end."""
FALLBACKS = {Role.QA_LEAD: Role.TECHNICAL_LEAD}
"""The document names no QA lead; its items go to the technical lead unless the contacts name one."""

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^@\s]+@[^@\s]+$")]
SlackId = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,30}$")]


class Person(Frozen):
    """One person of the contacts file."""

    id: Identifier
    name: Words
    """The full name as written under a sign-off."""
    email: Email
    phone: Words
    slack_id: SlackId | None = None
    """Slack's member id (``U…``), not the display name, which anybody can change."""
    airflow_user: Words | None = None
    """The Airflow user name; without it a person can be told but cannot answer."""
    active: bool = True
    """False: kept for old records, can neither answer nor be asked."""


class RoleHolders(Frozen):
    """Who answers for a role: one person first, then the backups in this order."""

    primary: Identifier
    backups: tuple[Identifier, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Primary, then backups."""
        return (self.primary, *self.backups)


class RollbackContact(Frozen):
    """One line of the document's "Appendix: Rollback Contacts"."""

    title: Words
    person: Identifier


class Contacts(Frozen):
    """The contacts file. Every id it names exists, and nobody can be mistaken for somebody else."""

    schema_version: Literal[1] = 1
    people: tuple[Person, ...]
    roles: dict[Role, RoleHolders]
    rollback: tuple[RollbackContact, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for place, problem, fix in (*self._doubles(), *self._strangers(), *self._repeats()):
            raise fault(place, problem, fix)
        return self

    def _doubles(self) -> Iterator[tuple[str, str, str]]:
        for field in ("id", "slack_id", "airflow_user", "email"):
            values = [str(getattr(p, field)).casefold() for p in self.people if getattr(p, field) is not None]
            for value, times in Counter(values).items():
                if times > 1:
                    problem = f"the {field} {value!r} belongs to {times} people."
                    yield f"people.{field}", problem, "give each person one of their own."

    def _strangers(self) -> Iterator[tuple[str, str, str]]:
        known = {person.id for person in self.people}
        fix = f"use one of: {', '.join(sorted(known))}."
        for role, holders in self.roles.items():
            for person_id in holders.ids:
                if person_id not in known:
                    yield f"roles.{role}", f"{person_id!r} is nobody in 'people'.", fix
        for index, contact in enumerate(self.rollback):
            if contact.person not in known:
                yield f"rollback.{index}.person", f"{contact.person!r} is nobody in 'people'.", fix

    def _repeats(self) -> Iterator[tuple[str, str, str]]:
        for role, holders in self.roles.items():
            for person_id, times in Counter(holders.ids).items():
                if times > 1:
                    problem = f"{person_id!r} is named {times} times."
                    yield f"roles.{role}", problem, "name another backup, or none."

    def person(self, person_id: str) -> Person | None:
        """Find a person by the id of the contacts file."""
        return next((p for p in self.people if p.id == person_id), None)

    def by_airflow_user(self, name: str) -> Person | None:
        """Find a person by the exact Airflow user name."""
        return next((p for p in self.people if name and p.airflow_user == name), None)

    def by_slack_id(self, slack_id: str) -> Person | None:
        """Find a person by the Slack member id."""
        return next((p for p in self.people if slack_id and p.slack_id == slack_id), None)

    def by_email(self, email: str) -> Person | None:
        """Find a person by e-mail, in any case; only for policies that allow it (``slack_by_email``)."""
        wanted = email.strip().casefold()
        return next((p for p in self.people if wanted and p.email.casefold() == wanted), None)

    def holders(self, role: Role) -> list[Person]:
        """Give the active people who answer for a role: primary first, then backups.

        A role of ``FALLBACKS`` without active holders is answered by its fall-back's holders.
        """
        own = self._own_holders(role)
        return own or (self._own_holders(FALLBACKS[role]) if role in FALLBACKS else [])

    def _own_holders(self, role: Role) -> list[Person]:
        named = self.roles.get(role)
        people = [self.person(person_id) for person_id in named.ids] if named else []
        return [p for p in people if p is not None and p.active]

    def roles_of(self, person_id: str) -> list[Role]:
        """Give the roles a person answers for, fall-backs included."""
        return [role for role in Role if any(p.id == person_id for p in self.holders(role))]

    def unstaffed(self, roles: Iterable[Role]) -> list[Role]:
        """Give those of the roles that nobody active answers for, each once, in the given order."""
        return [role for role in dict.fromkeys(roles) if not self.holders(role)]


def load_contacts(path: Path, needed: Collection[Role] = SIGNING_ROLES) -> Contacts:
    """Read the contacts file.

    Raises ConfigurationError naming file, place, value and fix for whatever the models refuse, and for a
    role of ``needed`` without an active holder.
    """
    contacts = load_model(path, Contacts, EXAMPLE)
    for role in contacts.unstaffed(needed):
        problem = f"no active person holds {role.label}."
        fix = f"write '{role}: {{primary: <id of an active person>}}' under 'roles'."
        raise ConfigurationError(str(path), f"roles.{role}", problem, fix)
    return contacts
