"""Breaks that the search cannot find by itself, written by hand (``hints.yaml``)."""

from __future__ import annotations

import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from launch_rehearsal.tampering.breaks import Break

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from breaks.conditions import Check, Condition
    from breaks.places import Place

_FILE = Path(__file__).with_name("hints.yaml")
_ALL = "all "


def hints_for(check: Check, places: Sequence[Place]) -> Iterator[tuple[Break, ...]]:
    """Yield the breaks to try first: those of the item, then those of the kind."""
    names = list(dict.fromkeys(place.where for place in places))
    for about in (check.ref, check.spec.kind):
        for given in _known().get(about, ()):
            yield from _meant(given if isinstance(given, list) else [given], names)


def _meant(given: list[dict[str, Any]], names: Sequence[str]) -> Iterator[tuple[Break, ...]]:
    """Yield what is written: once for each place that it stands for, or once for all of them together."""
    where = str(given[0]["where"])
    if not where.startswith(_ALL) and "*" not in where:
        yield tuple(map(Break.model_validate, given))
        return
    found = fnmatch.filter(names, where.removeprefix(_ALL))
    broken = [[Break.model_validate({**one, "where": name}) for one in given] for name in found]
    if where.startswith(_ALL):
        yield tuple(one for together in broken for one in together)
    else:
        yield from map(tuple, broken)


def reason_for(check: Check, condition: Condition) -> str:
    """Return why a condition cannot be turned red, if that is known."""
    reasons = _known().get("reasons", {})
    names = (f"{check.ref}: {condition.path}", f"{check.spec.kind}: {condition.path}")
    return next((reasons[name] for name in names if name in reasons), "")


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    return yaml.safe_load(_FILE.read_text(encoding="utf-8")) or {}
