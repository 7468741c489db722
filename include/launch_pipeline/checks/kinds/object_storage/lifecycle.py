"""Reads a bucket's lifecycle rules: after how many days the objects of a prefix are deleted.

A rule that is disabled, or has a filter, or another prefix, does not speak for all objects of the prefix
(docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.expect import as_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rule = Mapping[str, Any]

_FACT = "lifecycle_days"
_BY_OBJECT = ("Tag", "Tags", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


@dataclass(eq=False)
class Unknown(Exception):
    """A fact that could not be known, and why."""

    fact: str
    reason: str


class Bound(Enum):
    """Which day an item asks about: that of the first objects, that of the last, or one day for all."""

    LOWER = ">"
    UPPER = "<"
    BOTH = ""


def bound_of(expect: Mapping[str, str | list[str]]) -> Bound:
    """Return on which side the item's comparisons bound the days."""
    wanted = [text.lstrip() for path, texts in expect.items() if _FACT in path for text in as_list(texts)]
    sides = {next(bound for bound in Bound if text.startswith(bound.value)) for text in wanted}
    return sides.pop() if len(sides) == 1 else Bound.BOTH


def lifecycle_facts(
    rules: Sequence[Rule], prefix: str, now: datetime, bound: Bound, *, versioned: bool
) -> dict[str, Any]:
    """Return the day on which the first or the last objects of a prefix are deleted, by the bound.

    Raises Unknown where the rules delete only some of the objects, or on different days.
    """
    first, last = _first_day(rules, prefix, now), _last_day(rules, prefix, now)
    if first is None:
        return {_FACT: None}
    if last is None:
        raise Unknown(_FACT, f"the rules delete only some objects: {_partial_rules(rules, prefix)}")
    if bound is Bound.LOWER:
        return {_FACT: first}
    kept = _versions_kept(rules, prefix) if versioned else 0
    if bound is Bound.BOTH and first != last + kept:
        raise Unknown(_FACT, f"some objects are deleted after {first} days, others after {last + kept}")
    return {_FACT: last + kept}


def early_rules(rules: Sequence[Rule], prefix: str, now: datetime, keep: timedelta) -> list[str]:
    """Name the enabled rules that delete objects of a prefix, or some of them, before they are so old."""
    found = [
        (str(rule.get("ID") or "a rule"), days)
        for rule in rules
        if _enabled(rule) and _concerns(rule, prefix) and (days := _days(rule, now)) is not None
    ]
    return [f"{name}: after {days} days" for name, days in found if timedelta(days=days) < keep]


def _first_day(rules: Sequence[Rule], prefix: str, now: datetime) -> int | None:
    days = [_days(rule, now) for rule in rules if _enabled(rule) and _concerns(rule, prefix)]
    return min((one for one in days if one is not None), default=None)


def _last_day(rules: Sequence[Rule], prefix: str, now: datetime) -> int | None:
    days = [_days(rule, now) for rule in rules if _enabled(rule) and _covers(rule, prefix)]
    return min((one for one in days if one is not None), default=None)


def _versions_kept(rules: Sequence[Rule], prefix: str) -> int:
    """Return the days for which a deleted object's versions stay; raises Unknown where they stay for ever."""
    kept = [
        expiration["NoncurrentDays"]
        for rule in rules
        if _enabled(rule) and _covers(rule, prefix)
        for expiration in [rule.get("NoncurrentVersionExpiration") or {}]
        if expiration.get("NoncurrentDays") and not expiration.get("NewerNoncurrentVersions")
    ]
    if not kept:
        raise Unknown(
            _FACT, "the bucket keeps versions, and no rule deletes them ('NoncurrentVersionExpiration')"
        )
    return int(min(kept))


def _enabled(rule: Rule) -> bool:
    return rule.get("Status") == "Enabled"


def _prefix(rule: Rule) -> str:
    scope = rule.get("Filter") or {}
    return str(rule.get("Prefix") or scope.get("Prefix") or (scope.get("And") or {}).get("Prefix") or "")


def _concerns(rule: Rule, prefix: str) -> bool:
    own = _prefix(rule)
    return own.startswith(prefix) or prefix.startswith(own)


def _covers(rule: Rule, prefix: str) -> bool:
    """Return whether the rule is about every object of the prefix."""
    return prefix.startswith(_prefix(rule)) and not _conditions(rule)


def _conditions(rule: Rule) -> list[str]:
    scope = rule.get("Filter") or {}
    both = scope.get("And") or {}
    return [name for name in _BY_OBJECT if scope.get(name) is not None or both.get(name)]


def _days(rule: Rule, now: datetime) -> int | None:
    """Return after how many days it deletes; a rule for markers or uploads alone deletes no object."""
    expiration = rule.get("Expiration") or {}
    date = expiration.get("Date")
    if isinstance(date, datetime):
        return max(0, (date - now).days)
    days = expiration.get("Days")
    return days if isinstance(days, int) and days > 0 else None


def _partial_rules(rules: Sequence[Rule], prefix: str) -> str:
    told = [
        f"{rule.get('ID') or 'a rule'} ({', '.join([f'prefix {_prefix(rule)!r}', *_conditions(rule)])})"
        for rule in rules
        if _enabled(rule) and _concerns(rule, prefix)
    ]
    return "; ".join(told)[:200]
