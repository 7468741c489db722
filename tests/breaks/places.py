"""Where a check looked: the places of the product that answered it, told apart as well as a table needs."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_rehearsal.tampering.breaks import VARYING
from launch_rehearsal.tampering.documents import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from launch_rehearsal.tampering.web import Exchange

_UNTELLING = re.compile(r"^redis \d+ (?:AUTH|CLIENT|CLUSTER NODES)")
"""What says nothing of the product, or in another order each time."""
_LONGEST = 60
_MANY = 6
"""Places of one name that are told apart; more of them are broken together."""


@dataclass(frozen=True)
class Place:
    """One place, and the answer that it gave."""

    where: str
    asked: str
    statuses: tuple[int, ...]
    """What it answered, if it speaks HTTP."""
    headers: Mapping[str, str]
    document: Document


def places_of(heard: Iterable[Exchange]) -> list[Place]:
    """Return the places in the order in which they were asked."""
    by_name: dict[str, dict[str, Exchange]] = defaultdict(dict)
    heard = list(heard)
    wanted = _ends(one.where for one in heard)
    statuses: dict[str, dict[int, None]] = defaultdict(dict)
    for one in heard:
        by_name[one.where].setdefault(one.asked, one)
        statuses[one.where][one.status] = None
    return [
        Place(one.where, asked, tuple(filter(None, statuses[name])), one.headers, Document(one.body))
        for name, alike in by_name.items()
        for one, asked in _told_apart(list(alike.values()))
        if name in wanted
    ]


def _ends(names: Iterable[str]) -> set[str]:
    """Return the first and the last of names that differ by a number alone, and all other names."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if not _UNTELLING.search(name):
            alike[re.sub(r"(?<= )\d+(?= )", "*", name)].append(name)
    return {name for found in alike.values() for name in (found[0], found[-1])}


def _told_apart(alike: list[Exchange]) -> Iterable[tuple[Exchange, str]]:
    if len(alike) == 1:
        yield alike[0], ""
        return
    for one in alike[:_MANY]:
        asked = _mark(one, [other.asked for other in alike if other is not one])
        if asked:
            yield one, asked
    yield alike[0], ""


def _mark(one: Exchange, others: list[str]) -> str:
    """Return a text of this request that no other of the place has; empty if there is none."""
    parts = [part.strip() for part in re.split(r"[&\n]", one.asked) if part.strip()]
    for part in sorted(parts, key=len):
        for text in (part[:_LONGEST], part[-_LONGEST:]):
            if not VARYING.search(text) and all(text not in other for other in others):
                return text
    return ""
