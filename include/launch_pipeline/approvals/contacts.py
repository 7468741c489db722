"""Read the contacts file: people, the roles they hold, and the document's rollback contacts."""

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
"""The roles of the document's Sign-Off: a launch cannot end without holders of all four."""
FALLBACKS = {Role.QA_LEAD: Role.TECHNICAL_LEAD}
"""The document names no QA lead, so the technical lead answers unless the contacts name one."""

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
    """Slack's member id (``U…``), not the display name, which each user can change."""
    airflow_user: Words | None = None
    """The Airflow user name; without it a person is notified but cannot answer."""
    active: bool = True
    """False for people who left: old records still name them, but they are not asked and cannot answer."""


class RoleHolders(Frozen):
    """The people who answer for a role: the primary, then the backups in this order."""

    primary: Identifier
    backups: tuple[Identifier, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the primary and then the backups."""
        return (self.primary, *self.backups)


class RollbackContact(Frozen):
    """One line of the document's "Appendix: Rollback Contacts"."""

    title: Words
    person: Identifier


class Contacts(Frozen):
    """The contacts file: every id it names exists, and no two people share an id, account or e-mail."""

    schema_version: Literal[1] = 1
    people: tuple[Person, ...]
    roles: dict[Role, RoleHolders]
    rollback: tuple[RollbackContact, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for place, problem, fix in (*self._duplicates(), *self._unknown_ids(), *self._repeats()):
            raise fault(place, problem, fix)
        return self

    def _duplicates(self) -> Iterator[tuple[str, str, str]]:
        for field in ("id", "slack_id", "airflow_user", "email"):
            values = [str(getattr(p, field)).casefold() for p in self.people if getattr(p, field) is not None]
            for value, times in Counter(values).items():
                if times > 1:
                    problem = f"the {field} {value!r} belongs to {times} people."
                    yield f"people.{field}", problem, "give each person one of their own."

    def _unknown_ids(self) -> Iterator[tuple[str, str, str]]:
        known = {person.id for person in self.people}
        fix = f"use one of: {', '.join(sorted(known))}."
        for role, holders in self.roles.items():
            for person_id in holders.ids:
                if person_id not in known:
                    yield f"roles.{role}", f"no person in 'people' has the id {person_id!r}.", fix
        for index, contact in enumerate(self.rollback):
            if contact.person not in known:
                yield f"rollback.{index}.person", f"no person in 'people' has the id {contact.person!r}.", fix

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
        """Return the active people who answer for a role: primary first, then backups.

        Where a role of ``FALLBACKS`` has no active holders, the holders of its fallback answer.
        """
        own = self._own_holders(role)
        return own or (self._own_holders(FALLBACKS[role]) if role in FALLBACKS else [])

    def _own_holders(self, role: Role) -> list[Person]:
        named = self.roles.get(role)
        people = [self.person(person_id) for person_id in named.ids] if named else []
        return [p for p in people if p is not None and p.active]

    def roles_of(self, person_id: str) -> list[Role]:
        """Return the roles a person answers for, fallbacks included."""
        return [role for role in Role if any(p.id == person_id for p in self.holders(role))]

    def unstaffed(self, roles: Iterable[Role]) -> list[Role]:
        """Return the roles without an active holder, each once, in the given order."""
        return [role for role in dict.fromkeys(roles) if not self.holders(role)]


def load_contacts(path: Path, needed: Collection[Role] = SIGNING_ROLES) -> Contacts:
    """Read the contacts file.

    Raises ConfigurationError with file, place, value and fix if the models refuse it, or if a role of
    ``needed`` has no active holder.
    """
    contacts = load_model(path, Contacts, EXAMPLE)
    for role in contacts.unstaffed(needed):
        problem = f"no active person holds {role.label}."
        fix = f"write '{role}: {{primary: <id of an active person>}}' under 'roles'."
        raise ConfigurationError(str(path), f"roles.{role}", problem, fix)
    return contacts
