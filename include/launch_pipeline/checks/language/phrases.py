"""Says comparisons in words: ``is at most``; the catalogue and the headlines use the same ones."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.comparisons import Operator, parse_comparison
from launch_pipeline.checks.language.names import name_of
from launch_pipeline.checks.language.units import cut, in_unit, instant, named, plainly
from launch_pipeline.checks.language.values import listed, point, unquoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.checks.language.comparisons import Comparison
    from launch_pipeline.checks.verdict import Finding

VERBS = {
    Operator.EQUAL: "is",
    Operator.NOT_EQUAL: "is not",
    Operator.AT_MOST: "is at most",
    Operator.AT_LEAST: "is at least",
    Operator.LESS: "is less than",
    Operator.MORE: "is more than",
    Operator.NOT_IN: "is none of",
    Operator.NOT_MATCHES: "does not match",
    Operator.CONTAINS_ALL: "contains all of",
    Operator.CONTAINS: "contains",
    Operator.MATCHES: "matches",
    Operator.BETWEEN: "is between",
    Operator.EXISTS: "is there",
    Operator.ABSENT: "is not there",
    Operator.AGE: "has an age",
    Operator.VERSION: "is version",
    Operator.IN: "is one of",
}
"""What a comparison says of the value, before its operand."""
_SIGNS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_SIGNED = re.compile(r"(<=|>=|<|>)\s*(\S+)")
_SPELLED = {**_SIGNS, "==": "is", "!=": "is not"}
_SIGN = re.compile(r"[<>=!]=|[<>]")
_NO_MOMENT = datetime.min.replace(tzinfo=UTC)
"""None of the units of a label counts from now."""
_PARTS = re.compile(r"(\d)(ms|s|m|h|d|w|y)(?=\d|$)")
_UNIT_WORDS = {"m": "min"}
_QUOTED = re.compile(r"; (?:write|use|add) .*")
_FORMS = {Operator.MATCHES, Operator.NOT_MATCHES}
_HOLDERS = {Operator.CONTAINS, Operator.CONTAINS_ALL}


def is_empty_list(comparison: Comparison) -> bool:
    """Return whether a comparison asks for a list without elements."""
    return comparison.operator is Operator.EQUAL and comparison.operand == "[]"


def reason(note: str) -> str:
    """Return a note without its advice for the author of the checklist."""
    return cut(_QUOTED.sub("", note), 300)


@dataclass(frozen=True)
class Label:
    """How a kind calls one of its facts, and the unit that it is measured in."""

    name: str
    unit: str = ""


def wrong(finding: Finding, label: Label | None = None) -> str:
    """Say what is wrong with a value: ``replicas is 1; wanted at least 2``."""
    comparison, label = parse_comparison(finding.wanted), label or Label(name_of(finding.expression))
    name, wanted = label.name, _wanted(comparison, label.unit)
    if finding.actual is None:
        why = "" if finding.note in {"", "missing"} else f" ({reason(finding.note)})"
        return f"{name} is missing{why}; wanted {wanted}"
    if is_empty_list(comparison):
        return f"{name}: {plainly(finding.actual)}; wanted none"
    if comparison.operator is Operator.ABSENT and finding.actual in ([], {}, ""):
        return f"{name} is there, though empty; wanted none"
    if comparison.operator in _FORMS:
        return f"{name} {_FORM_WRONG[comparison.operator]}"
    note = f" ({reason(finding.note)})" if finding.note else ""
    return f"{name} is {_seen(finding, comparison, label.unit)}; wanted {wanted}{note}"


def wanted(finding: Finding, unit: str = "") -> str:
    """Say what a finding wants, in a unit: ``at least 80 %``."""
    return _wanted(parse_comparison(finding.wanted), unit)


def spelled(text: str) -> str:
    """Write the signs in a text as words: ``p(95)<500`` is *p(95) less than 500*."""
    return " ".join(_SIGN.sub(lambda sign: f" {_SPELLED[sign[0]]} ", text).split())


def _seen(finding: Finding, comparison: Comparison, unit: str) -> str:
    """Return the value; one that has an age is a time, also where it is the seconds since 1970."""
    when = point(finding.actual) if comparison.operator is Operator.AGE and not unit else None
    counted = not isinstance(finding.actual, str) or finding.actual.strip().isdigit()
    return instant(when) if when and counted else _measured(finding.actual, unit)


def _measured(value: Any, unit: str) -> str:
    return in_unit(value, unit, "", _NO_MOMENT) if unit else plainly(value)


_FORM_WRONG = {
    Operator.MATCHES: "does not have the wanted form",
    Operator.NOT_MATCHES: "has text that it must not have",
}
_FORM_RIGHT = {
    Operator.MATCHES: "has the wanted form",
    Operator.NOT_MATCHES: "has no text that it must not have",
}


def right(finding: Finding, label: Label | None = None) -> str:
    """Say what holds: ``replicas is 3 (wanted at least 2)``."""
    comparison, label = parse_comparison(finding.wanted), label or Label(name_of(finding.expression))
    name = label.name
    if finding.actual is None or is_empty_list(comparison):
        return f"no {name}"
    if comparison.operator in _FORMS:
        return f"{name} {_FORM_RIGHT[comparison.operator]}"
    if comparison.operator in _HOLDERS:
        return f"{name} has {_operand(comparison)}"
    ordered = comparison.operator.value in _SIGNS
    limit = f" (wanted {_wanted(comparison, label.unit)})" if ordered else ""
    return f"{name} is {_seen(finding, comparison, label.unit)}{limit}"


def _wanted(comparison: Comparison, unit: str = "") -> str:
    """Return what a comparison wants, as the end of ``wanted …``."""
    special = _WANTED.get(comparison.operator)
    if special is not None:
        return special(comparison)
    verb = VERBS[comparison.operator].removeprefix("is").strip()
    return f"{verb} {_operand(comparison, unit)}".strip()


def _operand(comparison: Comparison, unit: str = "") -> str:
    choices = listed(comparison.operand)
    if choices is not None:
        return named(choices, most=6)
    bare = unquoted(comparison.operand)
    if unit:
        return _measured(bare, unit)
    return _PLAIN.get(bare) or _length(bare)


_PLAIN = {"true": "yes", "false": "no", "null": "none", "{}": "empty"}


def _length(text: str) -> str:
    """Write a duration as people do, and anything else as it is."""
    parts = _PARTS.sub(lambda part: f"{part[1]} {_UNIT_WORDS.get(part[2], part[2])} ", text).strip()
    return cut(parts if _PARTS.search(text) and re.fullmatch(r"(?:\d+[a-z]+)+", text) else _as_text(text))


def _as_text(text: str) -> str:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return plainly(value) if isinstance(value, dict | list) else text


def _signed(comparison: Comparison) -> tuple[str, str]:
    match = _SIGNED.fullmatch(comparison.operand)
    return (_SIGNS[match[1]], _length(match[2])) if match else ("", comparison.operand)


_WANTED: dict[Operator, Callable[[Comparison], str]] = {
    Operator.NOT_EQUAL: lambda one: f"anything but {_operand(one)}",
    Operator.BETWEEN: lambda one: "between " + " and ".join(one.operand.replace(",", " ").split()),
    Operator.EXISTS: lambda _one: "a value",
    Operator.ABSENT: lambda _one: "none",
    Operator.CONTAINS: lambda one: f"{_operand(one)} in it",
    Operator.CONTAINS_ALL: lambda one: f"all of {_operand(one)}",
    Operator.AGE: lambda one: "{} {} old".format(*_signed(one)),
    Operator.VERSION: lambda one: "version {} {}".format(*_signed(one)),
    Operator.MATCHES: lambda _one: "a text of a certain form",
    Operator.NOT_MATCHES: lambda _one: "a text without a certain form",
}
