"""Reads from a rule's own expression which series it needs, and asks whether they are there.

A rule on a series that does not exist is healthy and never fires: the rule API says nothing of it. A metric
whose targets declare it without a sample, as a counter of errors before the first one, is there all the same
(``/api/v1/metadata`` in prometheus.io/docs/prometheus/latest/querying/api).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.promql import Look, read
from launch_pipeline.checks.clients.together import together

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from launch_pipeline.checks.kinds.prometheus_rule.server import Server

    Rule = Mapping[str, Any]

_NAME = re.compile(r"""^[A-Za-z_:][\w:.]*|__name__\s*=~?\s*["'`](?P<within>[^"'`]*)["'`]""")
_PARTS = ("", "_bucket", "_count", "_sum", "_total")
"""Endings of the series of one metric: those of a histogram, a summary, a counter."""
_DEEPEST = 5
"""Recording rules of recording rules."""


@dataclass(frozen=True)
class Needs:
    """What the expression of one rule reads."""

    rule: str
    looks: tuple[Look, ...] = ()
    optional: bool = False
    """Whether it has a result though some of the series are missing, as with ``or``."""
    recorded: tuple[Look, ...] = field(default=())
    """What the recording rules read that it reads."""


def needs_of(rule: Rule, *, of_logs: bool = False) -> Needs:
    """Read an expression; one over logs needs streams, which alone stand in braces without a name."""
    reading = read(str(rule.get("query") or ""))
    looks = tuple(one for one in reading.looks if not of_logs or one.selector.startswith("{"))
    return Needs(str(rule["name"]), looks, reading.optional)


def through(needs: Needs, recording: Iterable[Rule]) -> Needs:
    """Follow recording rules to what they read."""
    known = {str(rule.get("name")): rule for rule in recording}
    found: dict[Look, None] = {}
    fresh = list(needs.looks)
    for _ in range(_DEEPEST):
        names = {name for look in fresh for name in known if _names(look, name)}
        fresh = [look for name in sorted(names) for look in read(str(known[name].get("query") or "")).looks]
        found |= dict.fromkeys(fresh)
    return Needs(needs.rule, needs.looks, needs.optional, tuple(found))


def reads(needs: Needs, metric: str) -> bool:
    """Return whether the rule reads a metric, by its name or that of a part of it such as ``_bucket``."""
    return any(_of(look, metric) for look in (*needs.looks, *needs.recorded))


def metrics(needs: Sequence[Needs]) -> list[str]:
    """Name the metrics that rules read, or their selectors where a pattern chooses them."""
    return list(dict.fromkeys(_metric(look) for one in needs for look in one.looks))


async def absent(needs: Sequence[Needs], wanted: Sequence[str], server: Server) -> list[str]:
    """Return the selectors of series that rules need and that are not there.

    Of an expression with a choice, such as ``a or b``, one side must be there, and any metric of ``wanted``.
    """
    looks = list(dict.fromkeys(look for one in needs for look in one.looks))
    there = await together(_there(look, server, strict=_any(look, wanted)) for look in looks)
    lacking = {look for look, found in zip(looks, there, strict=True) if not found}
    missing = dict.fromkeys(shown(look) for one in needs for look in _missing(one, lacking, wanted))
    return list(missing)


def shown(look: Look) -> str:
    """Write the selector with the labels that must be there."""
    labels = [f'{label}!=""' for label in look.labels]
    inner = look.selector.rstrip("}")
    if not labels:
        return look.selector
    return f"{inner}{',' if '{' in inner else '{'}{','.join(labels)}}}"


def _missing(needs: Needs, lacking: set[Look], wanted: Sequence[str]) -> list[Look]:
    gone = [look for look in needs.looks if look in lacking]
    if not needs.optional or len(gone) == len(needs.looks):
        return gone
    asked = [metric for metric in wanted if reads(needs, metric)]
    dead = [one for one in asked if all(look in lacking for look in needs.looks if _of(look, one))]
    return [look for look in gone if _any(look, dead)]


async def _there(look: Look, server: Server, *, strict: bool) -> bool:
    if await server.exists(shown(look)):
        return True
    if strict or server.of_logs or await server.exists(look.selector):
        return False
    return await server.declares(_metric(look))


def _any(look: Look, metrics: Iterable[str]) -> bool:
    return any(_of(look, metric) for metric in metrics)


def _of(look: Look, metric: str) -> bool:
    return any(_names(look, f"{metric}{part}") for part in _PARTS)


def _names(look: Look, metric: str) -> bool:
    """Return whether a selector chooses a metric, by its name or a pattern."""
    found = _NAME.search(look.selector)
    if found is None or found["within"] is None:
        return found is not None and found[0] == metric
    try:
        return bool(re.fullmatch(found["within"], metric))
    except re.error:
        return False


def _metric(look: Look) -> str:
    found = _NAME.search(look.selector)
    return look.selector if found is None else found["within"] or found[0]
