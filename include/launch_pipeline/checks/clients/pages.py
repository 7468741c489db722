"""Joins the pages of a list."""

from __future__ import annotations

from typing import Any


def joined(first: Any, second: Any) -> Any:
    """Join two pages: lists one after the other, mappings by name; a single value only where both have it.

    A list that is the same on both pages is no part of one: vendors repeat such fields on each page.
    """
    if isinstance(first, list) and isinstance(second, list):
        return first if first == second else [*first, *second]
    if isinstance(first, dict) and isinstance(second, dict):
        both = {name: _either(first, second, name) for name in {**first, **second}}
        return {name: value for name, value in both.items() if value is not None}
    return first if first == second else None


def _either(first: dict[str, Any], second: dict[str, Any], name: str) -> Any:
    if name in first and name in second:
        return joined(first[name], second[name])
    alone = first.get(name, second.get(name))
    # A token stands on one page only, and says nothing of all of them.
    return alone if isinstance(alone, list | dict) else None
