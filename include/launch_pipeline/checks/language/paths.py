"""Bounded JMESPath that says where its answer rests on something missing or on an order of unlike values.

An expression that would multiply its input is refused. Values are compared by meaning, see
:mod:`~launch_pipeline.checks.language.order`; the grammar and everything else are JMESPath's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.exceptions import JMESPathError, JMESPathTypeError

from launch_pipeline.checks.language.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 2000
_LISTS = {"multi_select_list", "multi_select_dict"}
_MOST_COPIES = 32


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Any:
    """Compile a JMESPath; raises ValueError if it is invalid, a trap, or could multiply its input."""
    if len(expression) > _LONGEST:
        message = f"{expression[:60]!r} is longer than {_LONGEST} characters; shorten it"
        raise ValueError(message)
    try:
        read = jmespath.compile(expression)
        grows = _growth(read.parsed) > _MOST_COPIES
    except (JMESPathError, RecursionError, TypeError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{expression[:120]!r} is not a JMESPath: {reason}; see jmespath.org"
        raise ValueError(message) from error
    if _negates_the_start(read.parsed):
        message = f"{expression[:120]!r} negates the first name only: '!a.b' reads '(!a).b'; write '!(a.b)'"
        raise ValueError(message)
    if grows:
        message = f"{expression[:120]!r} copies its input too often; use several expressions"
        raise ValueError(message)
    return read


def _negates_the_start(node: Mapping[str, Any]) -> bool:
    children = [child for child in node.get("children", []) if isinstance(child, dict)]
    trap = node["type"] == "subexpression" and children[0]["type"] == "not_expression"
    return trap or any(map(_negates_the_start, children))


def _growth(node: Mapping[str, Any]) -> int:
    """Return how many copies of its input an expression can make: ``[@, @] | [@, @]`` makes four."""
    parts = [_growth(child) for child in node.get("children", []) if isinstance(child, dict)]
    if node["type"] in _LISTS:
        return max(sum(parts), 1)
    # Writing a string as JSON doubles its quotes and backslashes.
    return math.prod(parts) * (2 if node.get("value") == "to_string" else 1)


@dataclass(frozen=True)
class Found:
    """The value of a path, and what is to be said against believing it."""

    value: Any
    problem: str = ""
    """Why the path does not fit these facts; there is no value then."""
    missing: str = ""
    """Why a value that is null, false or empty says nothing: what would hold it is not there."""
    doubt: str = ""
    """Why the value says nothing, whatever it is."""
    roots: frozenset[str] = frozenset()
    """The facts it was read from, by name; ``*`` stands for all of them."""


def look_up(expression: str, facts: Mapping[str, Any], *, sparse: bool = False) -> Found:
    """Evaluate a path; ``sparse`` says that the authority leaves out fields that have their default."""
    reader = Reader(facts, sparse=sparse)
    try:
        value = reader.visit(compiled(expression).parsed, facts)
    except (JMESPathError, ArithmeticError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = _reason(error)
        problem = f"cannot be evaluated: {reason}"[:200]
        return Found(None, problem=problem, roots=frozenset(reader.roots))
    return Found(value, missing=reader.missing, doubt=reader.doubt, roots=frozenset(reader.roots))


_SORTS = {
    "null": "nothing",
    "array": "a list",
    "object": "a mapping",
    "string": "a text",
    "boolean": "yes or no",
    "number": "a number",
}


def _reason(error: Exception) -> str:
    """Say why a path does not fit: ``length() was given nothing``."""
    if isinstance(error, JMESPathTypeError):
        # jmespath calls null by Python's name for its type.
        given = "null" if error.current_value is None else str(error.actual_type)
        return f"{error.function_name}() was given {_SORTS.get(given, given)}"
    return str(error).splitlines()[0] if str(error) else "error"


def roots_of(expression: str) -> frozenset[str]:
    """Return the facts that a path begins with, without those that its filters read of their elements."""
    return frozenset(_roots(compiled(expression).parsed))


def _roots(node: Mapping[str, Any]) -> set[str]:
    if node["type"] == "field":
        return {node["value"]}
    children = [child for child in node.get("children", []) if isinstance(child, dict)]
    if node["type"] in _CHAINS:
        return _roots(children[0]) if children else set()
    return set[str]().union(*map(_roots, children))


_CHAINS = {
    "subexpression",
    "index_expression",
    "pipe",
    "projection",
    "value_projection",
    "filter_projection",
    "flatten",
}
"""Nodes whose later parts read the value of the first, not the facts."""
