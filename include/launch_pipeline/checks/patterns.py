"""Regular expressions from a checklist, bounded: they cannot hang the loop that judges.

The length is limited, a repetition inside a repetition is refused when the checklist is loaded,
and a match looks at 4 KiB at a time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 500
WINDOW = 4096
_OVERLAP = 512
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)


@lru_cache(maxsize=1024)
def guard_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; raises ValueError where it is wrong, too long or could take for ever."""
    if len(pattern) > LONGEST:
        message = f"the pattern is longer than {LONGEST} characters; shorten it"
        raise ValueError(message)
    try:
        tree = sre_parser.parse(pattern)
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning, DeprecationWarning) as error:
        message = f"{pattern[:80]!r} is no regular expression: {error}; see the Python documentation of 're'"
        raise ValueError(message) from error
    if any(_repeats(inner) for inner in _unbounded(tree)):
        message = f"{pattern[:80]!r} repeats a repetition or a choice and may take for ever; write it without"
        raise ValueError(message)
    return compiled


def found(pattern: str, text: str) -> bool:
    """Whether the pattern occurs; a long text is searched in overlapping pieces of 4 KiB."""
    compiled = guard_pattern(pattern)
    step = WINDOW - _OVERLAP
    last = max(len(text) - _OVERLAP, 1)
    return any(compiled.search(text[at : at + WINDOW]) for at in range(0, last, step))


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every node of a parsed pattern, with its arguments, depth first."""
    for operation, arguments in tree:
        yield operation, arguments
        for part in _parts(arguments):
            yield from _nodes(part)


def _parts(arguments: Any) -> Iterator[Any]:
    if isinstance(arguments, sre_parser.SubPattern):
        yield arguments
    elif isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from _parts(argument)


def _unbounded(tree: Any) -> Iterator[Any]:
    for operation, arguments in _nodes(tree):
        if operation in _REPEATS and arguments[1] > _OVERLAP:
            yield arguments[2]


def _repeats(tree: Any) -> bool:
    return any(
        operation is sre.BRANCH or (operation in _REPEATS and arguments[1] > 1)
        for operation, arguments in _nodes(tree)
    )
