"""Reads the parts of a Kubernetes object that may be missing or of another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Thing = dict[str, Any]


class Unsaid(Exception):
    """Nothing says whether an object is ready; the message says why, for a person."""


def sort_of(thing: Mapping[str, Any]) -> str:
    """Return group and kind: ``apps/Deployment``, or ``Pod`` of the core group."""
    group = str(thing.get("apiVersion") or "").rpartition("/")[0]
    return f"{group}/{thing.get('kind')}".removeprefix("/")


def part(thing: Mapping[str, Any], *names: str) -> Thing:
    """Return a mapping within a mapping; an empty one if it is not there."""
    found: Any = thing
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def listed(thing: Mapping[str, Any], name: str) -> list[Thing]:
    """Return the mappings of a list; an empty list if it is not there."""
    found = thing.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def number(thing: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Return a whole number; the default if it is not there, as the API leaves out zeros."""
    found = whole(thing.get(name))
    return default if found is None else found


def whole(value: Any) -> int | None:
    """Return a whole number, also one written as text, as Argo Rollouts writes its generation."""
    if isinstance(value, str) and value.isdecimal():
        return int(value[:18])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def below(status: Mapping[str, Any], wanted: int, *names: str) -> str:
    """Return a sentence on the first number that is below the wanted one."""
    for name in names:
        seen = number(status, name)
        if seen < wanted:
            return f"{name} is {seen} of {wanted}"
    return ""


def first(*reasons: str) -> str:
    """Return the first reason that says something."""
    return next(filter(None, reasons), "")
