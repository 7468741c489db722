"""The variables of the checklists: their defaults, what the overlay changes, and the items that use them."""

from __future__ import annotations

import difflib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.overrides import OVERRIDES, overrides, product_variables
from launch_pipeline.checks.language.variables import DERIVED, placeholders
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch_pipeline.checklist.model import Item, Phase


def uses(phases: Sequence[Phase]) -> dict[str, list[str]]:
    """Return the refs of the items that use each variable, in their checks or texts, directly or not."""
    product = product_variables()
    found: dict[str, list[str]] = defaultdict(list)
    for phase in phases:
        for section, item in phase.items():
            for name in _all_of(_used(item, product), product):
                found[name].append(f"{phase.id}.{section.id}.{item.id}")
    return found


def _used(item: Item, product: dict[str, Any]) -> set[str]:
    written = [
        item.how,
        item.on_failure,
        item.notes,
        item.question or "",
        [one.params for one in item.checks],
    ]
    return {_base(name, product) for name in placeholders(written)}


def _base(name: str, product: dict[str, Any]) -> str:
    """Return the list that ``services_regex`` and ``services_count`` come from."""
    base, _, ending = name.rpartition("_")
    return base if ending in DERIVED and name not in product and base in product else name


def _all_of(names: set[str], product: dict[str, Any]) -> set[str]:
    """Return variables and those that their defaults use."""
    found, waiting = set(names), list(names)
    while waiting:
        more = {_base(name, product) for name in placeholders(product.get(waiting.pop(), ""))} - found
        found |= more
        waiting += more
    return found


def unused(phases: Sequence[Phase]) -> Iterator[ConfigurationError]:
    """Yield a mistake for each variable of the overlay that nothing uses."""
    known = uses(phases)
    for name in overrides().variables:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            fix = f"write '{near[0]}'." if near else "remove it."
            yield ConfigurationError(OVERRIDES, f"variables.{name}", "is used by no item.", fix)


def told() -> str:
    """Return in words what the overlay changes; empty without one."""
    changes = overrides()
    gone = [ref for ref, change in changes.items.items() if change is None]
    parts = {
        "variable": len(changes.variables),
        "item changed": len(changes.items) - len(gone),
        "item left out": len(gone),
    }
    said = [f"{number} {_plural(words, number)}" for words, number in parts.items() if number]
    return ", ".join(said)


def _plural(words: str, number: int) -> str:
    first, _, rest = words.partition(" ")
    return f"{first}{'s' if number > 1 else ''}{f' {rest}' if rest else ''}"
