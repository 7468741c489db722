"""Bounded JMESPath: an expression that would multiply its input is refused."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.exceptions import JMESPathError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 2000
_LISTS = {"multi_select_list", "multi_select_dict"}
_MOST_COPIES = 32


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Any:
    """Compile a JMESPath; raises ValueError if it is invalid, or its result could grow without bound."""
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
    if grows:
        message = f"{expression[:120]!r} copies its input too often; use several expressions"
        raise ValueError(message)
    return read


def _growth(node: Mapping[str, Any]) -> int:
    """Return how many copies of its input an expression can make: ``[@, @] | [@, @]`` makes four."""
    parts = [_growth(child) for child in node.get("children", []) if isinstance(child, dict)]
    if node["type"] in _LISTS:
        return max(sum(parts), 1)
    # Writing a string as JSON doubles its quotes and backslashes.
    return math.prod(parts) * (2 if node.get("value") == "to_string" else 1)


def look_up(expression: str, facts: Any) -> tuple[Any, str]:
    """Evaluate a path: return the value, and a note if the path does not fit these facts."""
    try:
        return compiled(expression).search(facts), ""
    except (JMESPathError, ArithmeticError, ValueError, TypeError, AttributeError, RecursionError) as error:
        return None, f"cannot be evaluated: {str(error).splitlines()[0] if str(error) else 'error'}"[:200]
