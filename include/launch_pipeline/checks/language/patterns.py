"""Regular expressions from a checklist, bounded: they cannot hang the loop that judges.

The length is limited, a pattern that could be tried in very many ways is refused when the checklist is
loaded, and a match looks at 1 KiB at a time, so that another thread gets its turn.
"""

from __future__ import annotations

import re
import time
import warnings
from functools import lru_cache
from re import _parser as sre_parser  # type: ignore[attr-defined]

from launch_pipeline.checks.pattern_cost import steps

LONGEST = 500
WINDOW = 1024
_OVERLAP = 512
_LOOKS = 4
"""The end of a piece is no end of the text, though a pattern with ``$`` takes it for one: so often it may."""
_PATIENCE = 3.0
"""Seconds for what may lie across several pieces."""
_MOST_STEPS = 16 * WINDOW
"""From each place of a window: together some ten million, or a tenth of a second."""


@lru_cache(maxsize=1024)
def guard_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; raises ValueError where it is wrong, too long or could take for ever."""
    if len(pattern) > LONGEST:
        message = f"the pattern is longer than {LONGEST} characters; shorten it"
        raise ValueError(message)
    try:
        with warnings.catch_warnings():
            # What Python may read otherwise in future is not meant as it reads now.
            warnings.simplefilter("error")
            compiled = re.compile(pattern)
            slow = steps(sre_parser.parse(pattern), WINDOW) > _MOST_STEPS
    except (re.error, RecursionError, OverflowError, Warning) as error:
        message = f"{pattern[:80]!r} is no regular expression: {error}; see the Python documentation of 're'"
        raise ValueError(message) from error
    if slow:
        message = (
            f"{pattern[:80]!r} repeats what may be read in many ways and may take for ever; "
            "write it without, or as several comparisons"
        )
        raise ValueError(message)
    return compiled


def found(pattern: str, text: str) -> bool:
    """Whether the pattern occurs; a long text is searched in overlapping pieces of 1 KiB.

    What may be longer than a piece is then looked for from every place; raises ValueError where that
    takes too long, so that nobody can say.
    """
    compiled = guard_pattern(pattern)
    stride, last = WINDOW - _OVERLAP, max(len(text) - _OVERLAP, 1)
    if any(_within(compiled, text, at) for at in range(0, last, stride)):
        return True
    return len(text) > WINDOW and _wide(pattern) and _from_anywhere(compiled, text)


@lru_cache(maxsize=1024)
def _wide(pattern: str) -> bool:
    """Whether it may match more than two pieces share; what only looks ahead or back has no width."""
    return "(?=" in pattern or "(?!" in pattern or sre_parser.parse(pattern).getwidth()[1] > _OVERLAP


def _from_anywhere(compiled: re.Pattern[str], text: str) -> bool:
    """Try every place by itself: one search of the whole text could not be broken off."""
    end = time.monotonic() + _PATIENCE
    for at in range(len(text) + 1):
        if compiled.match(text, at):
            return True
        if time.monotonic() > end:
            message = "the text is too long for this pattern; look for something shorter, without '.*' inside"
            raise ValueError(message)
    return False


def _within(compiled: re.Pattern[str], text: str, at: int) -> bool:
    """Whether it occurs in one piece; what ends with the piece must hold in the whole text as well."""
    end, begin = at + WINDOW, at
    for _ in range(_LOOKS):
        match = compiled.search(text, begin, end)
        if match is None:
            return False
        if match.end() < end or compiled.match(text, match.start()):
            return True
        begin = match.start() + 1
    return False
