"""Breaks that may fail a condition: what the check was answered, altered; likely and small ones first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from breaks.values import Change, bad_values, elements, literals_of, others, unwanted_texts
from launch_pipeline.checks.language.comparisons import parse_comparison
from launch_rehearsal.tampering.breaks import Act, Break
from launch_rehearsal.tampering.documents import EVERY, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from breaks.places import Place
    from launch_rehearsal.tampering.documents import Pointer

_STATUSES = (418, 404, 500, 403, 401, 200, 302)
"""First one that no service sends, so that it means nothing else."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_HEADER = re.compile(r"headers\.\"?([A-Za-z0-9-]+)")
_SIMPLE = re.compile(r"(?:json|body)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_TIMES = re.compile(r"(?:_ms\b|latency|elapsed|duration)")
_ENDS = 2
"""Elements at either end of a list that are broken one by one."""
_MOST_LEAVES = 600
_NAMED = 2.0


@dataclass(frozen=True)
class Asked:
    """A condition as it was judged: its path and its comparison, filled in."""

    path: str
    wanted: str

    @property
    def words(self) -> set[str]:
        return {word.lower() for word in _WORD.findall(self.path)}


def candidates(places: Sequence[Place], unmet: Sequence[Asked]) -> Iterator[tuple[Break, ...]]:
    """Yield breaks for conditions that hold, the most promising first; each at most once."""
    scored = [(score, number, one) for number, (score, one) in enumerate(_all(places, unmet))]
    seen: set[str] = set()
    for _, _, one in sorted(scored, key=lambda three: three[:2]):
        if (text := str(one)) not in seen:
            seen.add(text)
            yield (one,)


def _all(places: Sequence[Place], unmet: Sequence[Asked]) -> Iterator[tuple[float, Break]]:
    web = [place for place in places if place.statuses]
    for place in web:
        yield from _of_answer(place, unmet)
    for place in places:
        yield from _of_document(place, unmet)


# ---- status, headers, time -------------------------------------------------------------------------


def _of_answer(place: Place, unmet: Sequence[Asked]) -> Iterator[tuple[float, Break]]:
    paths = " ".join(asked.path for asked in unmet)
    spoken = "status" in paths
    likely = 0.0 if spoken else 2.2
    for number, status in enumerate(_STATUSES if spoken else (404,)):
        if place.statuses != (status,):
            yield likely + number / 10, _break(place, "status", Change(Act.PUT, status))
        for known in place.statuses if len(place.statuses) > 1 else ():
            yield likely + number / 10 + 1, _break(place, f"status {known}", Change(Act.PUT, status))
    yield likely + 1, _break(place, "body", Change(Act.PUT, "broken"))
    for name in dict.fromkeys(_HEADER.findall(paths)):
        for change in _of_header(name, place, unmet):
            yield 0.5, _break(place, f"header {name}", change)
    if _TIMES.search(paths):
        limits = [float(text) for asked in unmet for text in re.findall(r"< *=? *(\d+)$", asked.wanted)]
        slow = _break(place, "delay", Change(Act.PUT, round(1.3 * max(limits, default=500) / 1000, 2)))
        yield 0.8, slow.model_copy(update={"every": 8})
        yield 0.9, slow


def _of_header(name: str, place: Place, unmet: Sequence[Asked]) -> Iterator[Change]:
    known = {key.lower(): value for key, value in place.headers.items()}
    yield Change(Act.DROP)
    yield from others(known.get(name.lower(), ""))
    for asked in unmet:
        if name in asked.path:
            yield from (Change(Act.PUT, str(value)) for value in bad_values(parse_comparison(asked.wanted)))


# ---- documents -------------------------------------------------------------------------------------


def _of_document(place: Place, unmet: Sequence[Asked]) -> Iterator[tuple[float, Break]]:
    yield from _added(place, unmet)
    words = set().union(*(asked.words for asked in unmet)) if unmet else set()
    bad = [value for asked in unmet for value in bad_values(parse_comparison(asked.wanted))]
    more = list(elements(asked.path for asked in unmet))
    literals = [text for asked in unmet for text in literals_of(asked.path)]
    for depth, (pointer, value, many) in enumerate(_leaves(place, [*literals, *words])):
        near = _nearness(place, pointer, words)
        for number, change in enumerate(
            [*_fitting(bad, value), *others(value), *_more(value, more, literals)]
        ):
            # Of what a condition does not name, the beginnings of each place come first.
            late = depth / 50 if near > _NAMED else 0.0
            yield near + number / 20 + many + late, _break(place, written(pointer), change)


def _fitting(bad: Iterable[Any], value: Any) -> Iterator[Change]:
    """Yield the values against the comparisons, in the form that the leaf has."""
    if isinstance(value, dict | list | bool):
        return
    for one in bad:
        put = str(one) if isinstance(value, str) else one
        if put != value:
            yield Change(Act.PUT, put)


def _more(value: Any, elements: Iterable[Any], literals: Iterable[str]) -> Iterator[Change]:
    """Yield what could be appended: elements that the conditions look for, and texts that they name."""
    if isinstance(value, list):
        yield from (Change(Act.ADD, one) for one in elements)
    elif isinstance(value, str):
        yield from (Change(Act.ADD, f" {one}") for one in literals)


def _added(place: Place, unmet: Sequence[Asked]) -> Iterator[tuple[float, Break]]:
    """Add what a condition wants to be absent."""
    for asked in unmet:
        if (named := _SIMPLE.fullmatch(asked.path)) and isinstance(place.document.tree, dict):
            at = written(named[1].split("."))
            yield 0.6, _break(place, at, Change(Act.PUT, "broken"))
        literals = [*literals_of(asked.path), *unwanted_texts(asked.wanted)]
        for text in literals if isinstance(place.document.tree, dict) else ():
            yield 3.5, _break(place, "/broken", Change(Act.PUT, text))


def _leaves(place: Place, named: Sequence[str]) -> Iterator[tuple[Pointer, Any, float]]:
    """Yield leaves, few of a long list; all elements at once come after the ones at its ends."""
    seen: set[Pointer] = set()
    tree = place.document.tree
    for pointer, value in place.document.leaves():
        if len(seen) > _MOST_LEAVES:
            return
        if _inner(tree, pointer, named):
            continue
        seen.add(pointer)
        yield pointer, value, 0.0
        general = tuple(EVERY if step.isdecimal() else step for step in pointer)
        if general != pointer and general not in seen:
            seen.add(general)
            yield general, value, 0.4


def _inner(tree: Any, pointer: Pointer, named: Sequence[str]) -> bool:
    """Return whether a pointer goes through the middle of a long list, and not to what a condition names."""
    for step in pointer:
        if isinstance(tree, list):
            element = tree[int(step)]
            if _ENDS <= int(step) < len(tree) - 1 and not any(one in str(element).lower() for one in named):
                return True
            tree = element
        else:
            tree = tree[step]
    return False


def _nearness(place: Place, pointer: Pointer, words: set[str]) -> float:
    """Return 1 where the leaf is called as the condition calls it, more where it is not."""
    if not pointer and {word.lower() for word in _WORD.findall(place.where)} & words:
        return 0.9
    names = [set(map(str.lower, _WORD.findall(step))) for step in pointer]
    if names and names[-1] & words:
        return 1.0
    return _NAMED if any(name & words for name in names) else 3.0


def _break(place: Place, at: str, change: Change) -> Break:
    return Break(where=place.where, asked=place.asked, at=at, act=change.act, put=change.put)
