"""Derive what an item's record rests on, and say what of it has changed since.

Everything follows from what the item uses: its words, its checks, the rules about who answers it, and each
variable in its checks and its question. A variable counts with its value, wherever it comes from. What only
tells the time of the look is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.variables import derived, placeholders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.checklist.model import CheckSpec, Item
    from launch_pipeline.ledger.schema import Record

WORDS, CHECKS, RULES, PERSON = "words", "checks", "rules", "person"
VARIABLE, HOLDERS = "variable:", "holders:"
OF_THE_LAUNCH = frozenset({"release", "release_sha", "previous_release", "launch_at", "launch_date"})
"""Variables that a launch sets and that may change while it runs."""
OF_THE_MOMENT = frozenset({"launch_id", "now", "today", "run_nonce"})
"""Variables that a launch sets and on which no record rests."""
_SAID = {
    WORDS: "its words were changed",
    CHECKS: "its checks were changed",
    RULES: "the rules about who answers it were changed",
    PERSON: "the person who decided no longer holds the role",
    f"{VARIABLE}release": "the release was changed",
    f"{VARIABLE}release_sha": "the release commit was changed",
    f"{VARIABLE}previous_release": "the previous release was changed",
    f"{VARIABLE}launch_at": "the launch time was moved",
    f"{VARIABLE}launch_date": "the launch date was moved",
}
_OF_WORDS = {"text", "question", "how"}
_OF_CHECKS = {"checks", "threshold", "side_effects", "evidence_only"}
_OF_RULES = {"owner", "severity", "mode", "gate", "repeat"}


def rests_on(item: Item, variables: Mapping[str, Any], contacts: Contacts | None = None) -> dict[str, str]:
    """Return the digests of everything that a record of an item rests on, by name.

    ``variables`` are those of ``Settings.lasting`` (``launch/in_force.py``): a value of the product that uses
    what the launch sets keeps its placeholder, and rests on that as well. ``contacts`` are needed only by
    checks that look for people.
    """
    words = _OF_WORDS if item.mode.needs_person else {"text"}
    found = {
        WORDS: _digest_of(item, words),
        RULES: _digest_of(item, _OF_RULES),
        **({CHECKS: _digest_of(item, _OF_CHECKS)} if item.checks else {}),
    }
    for name in sorted(_with_those_inside(variables_used(item), variables)):
        found[f"{VARIABLE}{name}"] = digest(_value(name, variables))
    if contacts is not None:
        for role in _roles_looked_for(item.checks):
            found[f"{HOLDERS}{role}"] = digest([person.id for person in contacts.holders(role)])
    return found


def definition_digest(names: Mapping[str, str]) -> str:
    """Return the digest of what a record rests on without the launch's own facts and without people.

    A launch's plan has it for each item, so that a verifier knows which records are of the definition in
    force.
    """
    changing = {f"{VARIABLE}{name}" for name in OF_THE_LAUNCH}
    return digest(
        {n: d for n, d in names.items() if n not in changing and n != PERSON and not n.startswith(HOLDERS)}
    )


def variables_used(item: Item) -> frozenset[str]:
    """Return the variables that an item's checks use, and its question where a person is asked."""
    asked = [item.text, item.question or "", item.how] if item.mode.needs_person else []
    # What nothing looks at again is true of the release that it was seen with.
    seen_of = {"release_sha"} if item.mode is Mode.CHECK and item.seen_once else set[str]()
    return (_used_by_checks(item.checks) | placeholders(asked) | seen_of) - OF_THE_MOMENT


def _with_those_inside(names: frozenset[str], variables: Mapping[str, Any]) -> frozenset[str]:
    """Return variables with those of the launch that their values use."""
    values = [variables.get(base) for name in names for base in (name, name.rpartition("_")[0])]
    return names | (placeholders(values) & OF_THE_LAUNCH)


def _value(name: str, variables: Mapping[str, Any]) -> Any:
    value = variables.get(name)
    return derived(name, variables) if value is None else value


def with_person(names: Mapping[str, str], item: Item, person: Person) -> dict[str, str]:
    """Return the names of a decision that a person made: a go or a signature rests on their role as well."""
    return {**names, **({} if item.gate is RequestKind.APPROVAL else {PERSON: digest(person.id)})}


def person_holds(record: Record, contacts: Contacts) -> str:
    """Return the digest of the person who decided, while they hold the role that they decided for."""
    person = record.decided_by.id if record.decided_by else ""
    holds = record.role is not None and any(one.id == person for one in contacts.holders(record.role))
    return digest(person if holds else None)


def in_force_for(
    record: Record, item: Item, variables: Mapping[str, Any], contacts: Contacts | None
) -> dict[str, str]:
    """Return what a record of an item would rest on now."""
    now = rests_on(item, variables, contacts)
    if item.gate is not RequestKind.APPROVAL and record.decided_by and contacts is not None:
        now[PERSON] = person_holds(record, contacts)
    return now


def stale_because(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return what has changed of what a record rests on, in words; empty if nothing has.

    People are compared only where both sides know them.
    """
    unknown = {n for n in then.keys() ^ now.keys() if n == PERSON or n.startswith(HOLDERS)}
    names = sorted((then.keys() | now.keys()) - unknown)
    return tuple(dict.fromkeys(_said(name) for name in names if then.get(name) != now.get(name)))


def asked_alike(then: Mapping[str, str], now: Mapping[str, str], item: Item) -> bool:
    """Return whether a person would be asked the same as then, by the same rules."""
    asked = placeholders([item.text, item.question or "", item.how]) - OF_THE_MOMENT
    names = {WORDS, RULES, PERSON, *(f"{VARIABLE}{name}" for name in asked)}
    return all(then.get(name) == now.get(name) for name in names)


def _said(name: str) -> str:
    if name.startswith(HOLDERS):
        return f"other people hold the role {name.removeprefix(HOLDERS)}"
    return _SAID.get(name) or f"the variable {name.removeprefix(VARIABLE)} was changed"


def _digest_of(item: Item, fields: set[str]) -> str:
    return digest(item.model_dump(mode="json", include=fields, exclude_defaults=True))


def _used_by_checks(checks: Iterable[CheckSpec]) -> frozenset[str]:
    found = frozenset[str]()
    for check in checks:
        found |= placeholders(check.params)
        for name, field in kind(check.kind).params.model_fields.items():
            if name not in check.params and isinstance(field.default, str):
                found |= placeholders(field.default)
    return found


def _roles_looked_for(checks: Iterable[CheckSpec]) -> tuple[Role, ...]:
    found = [
        Role(role)
        for check in checks
        if kind(check.kind).looks_for_people
        for role in check.params.get("roles") or ()
        if role in set(Role)
    ]
    return tuple(dict.fromkeys(found))
