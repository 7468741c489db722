"""Breaks that the search cannot find by itself, written by hand (``hints.yaml``)."""

from __future__ import annotations

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
_EACH = "*"


def hints_for(check: Check, places: Sequence[Place]) -> Iterator[tuple[Break, ...]]:
    """Yield the breaks to try first: those of the item, then those of the kind."""
    for about in (check.ref, check.spec.kind):
        for given in _known().get(about, ()):
            together = given if isinstance(given, list) else [given]
            if together[0]["where"].startswith(_EACH):
                end = together[0]["where"].removeprefix(_EACH)
                for name in dict.fromkeys(place.where for place in places if place.where.endswith(end)):
                    yield tuple(Break.model_validate({**one, "where": name}) for one in together)
            else:
                yield tuple(map(Break.model_validate, together))


def reason_for(check: Check, condition: Condition) -> str:
    """Return why a condition cannot be turned red, if that is known."""
    reasons = _known().get("reasons", {})
    names = (f"{check.ref}: {condition.path}", f"{check.spec.kind}: {condition.path}")
    return next((reasons[name] for name in names if name in reasons), "")


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    return yaml.safe_load(_FILE.read_text(encoding="utf-8")) or {}
