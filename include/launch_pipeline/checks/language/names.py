"""Names what a JMESPath reads, in words: ``length(spec.tls)`` is *number of tls*."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.paths import compiled
from launch_pipeline.checks.language.units import cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_HOLDERS = {"json", "last", "spec", "status", "data", "metadata", "info", "cluster", "template"}
"""Fields that only hold others."""
_KINDS = {
    "json": "answer",
    "headers": "header",
    "labels": "label",
    "annotations": "annotation",
    "statuses": "answers with",
}
_OF = {
    "length": "number of",
    "max": "largest",
    "min": "smallest",
    "sum": "sum of",
    "avg": "average of",
    "keys": "names in",
    "values": "values of",
}
_MATCHING = "matching"
"""Stands for the condition of a filter: *no matching checks* are fewer than *no checks*."""
_NAMED = 2
_LONGEST = 80


@lru_cache(maxsize=4096)
def name_of(expression: str) -> str:
    """Name the value of a path in words, without the path's own signs."""
    try:
        words = _words(compiled(expression).parsed)
    except ValueError:
        words = []
    known = [_KINDS.get(word, word) for word in _kept(words)]
    if len(known) > 1 and known[-1] == _KINDS["json"]:
        known[-1] = "entries"
    return cut(" ".join(map(_split, known)), _LONGEST) or "the result"


def _kept(words: list[str]) -> list[str]:
    """Drop the holders, and keep the last names of a long path."""
    leading = [word for word in words if word in _OF.values()][:1] + [_MATCHING] * (_MATCHING in words)
    named = [word for word in words if word not in {*_OF.values(), _MATCHING}]
    telling = [word for word in named if word not in _HOLDERS] or named[-1:]
    return [*leading, *telling[-_NAMED:]]


def _split(word: str) -> str:
    """Split ``readyInstances`` and ``total_count`` into words; other spellings stay."""
    if not _WORD.fullmatch(word):
        return re.sub(r"[`|?=<>\[\]]+", " ", word).strip()
    return _CAMEL.sub(" ", word).replace("_", " ").lower()


def _words(node: Mapping[str, Any]) -> list[str]:
    kind, children = node["type"], [one for one in node.get("children", []) if isinstance(one, dict)]
    if kind == "field":
        return [str(node["value"])]
    if kind == "function_expression":
        return _called(str(node["value"]), children)
    if kind == "pipe":
        return _piped(*children)
    if kind in {"or_expression", "and_expression", "not_expression", "filter_projection"}:
        # The right side is another place to look, and a filter's condition is no name.
        filtered = [_MATCHING, *_words(children[1])] if kind == "filter_projection" else []
        return _words(children[0]) + filtered
    return [word for child in children for word in _words(child)]


def _called(function: str, children: Sequence[Mapping[str, Any]]) -> list[str]:
    inner = _words(children[0]) if children else []
    if function == "contains" and len(children) > 1 and isinstance(children[1].get("value"), str):
        return [f"'{cut(children[1]['value'], 40)}' in", *inner[-1:]]
    return [_OF[function], *inner] if function in _OF else inner


def _piped(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    after = _words(right)
    return [*after, *_words(left)] if after[:1] and after[0] in _OF.values() else [*_words(left), *after]
