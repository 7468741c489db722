"""List the contacts: who holds which role today, with phone and e-mail only on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.report.model import ContactLine, ContactPerson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.approvals.contacts import Contacts, Person


def contact_lines(contacts: Contacts | None, *, with_addresses: bool) -> tuple[ContactLine, ...]:
    """List every role with its holders, in the order in which they are asked."""
    if contacts is None:
        return ()
    return tuple(
        ContactLine(title=role.label, people=_people(contacts.holders(role), with_addresses=with_addresses))
        for role in Role
    )


def rollback_lines(contacts: Contacts | None, *, with_addresses: bool) -> tuple[ContactLine, ...]:
    """List the people to call for a rollback."""
    if contacts is None:
        return ()
    return tuple(
        ContactLine(
            title=one_line(line.title),
            people=_people(filter(None, [contacts.person(line.person)]), with_addresses=with_addresses),
        )
        for line in contacts.rollback
    )


def named(lines: Iterable[ContactLine], title: str) -> ContactLine | None:
    """Find a line by the document's title, which may be short: 'CTO' for 'CTO / Engineering Director'."""
    wanted = title.strip().casefold()
    for line in lines:
        if wanted in {line.title.casefold(), line.title.partition(" / ")[0].casefold()}:
            return line
    return None


def in_words(line: ContactLine) -> str:
    """Name the holder, then the backups."""
    first, *backups = [_one(person) for person in line.people] or ["none named"]
    return first + (f"; backups: {', '.join(backups)}" if backups else "")


def _one(person: ContactPerson) -> str:
    return " ".join(filter(None, (person.name, person.phone, person.email)))


def _people(people: Iterable[Person], *, with_addresses: bool) -> tuple[ContactPerson, ...]:
    return tuple(
        ContactPerson(
            name=one_line(person.name),
            phone=one_line(person.phone) if with_addresses else "",
            email=one_line(person.email) if with_addresses else "",
        )
        for person in people
    )
