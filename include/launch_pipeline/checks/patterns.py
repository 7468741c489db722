"""Regular expressions from a checklist, bounded: they cannot hang the loop that judges.

The length is limited, a pattern that could be tried in very many ways is refused when the checklist is
loaded, and a match looks at 1 KiB at a time, so that another thread gets its turn.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from re import _parser as sre_parser  # type: ignore[attr-defined]

from launch_pipeline.checks.pattern_cost import steps

LONGEST = 500
WINDOW = 1024
_OVERLAP = 512
_LOOKS = 4
"""The end of a piece is no end of the text, though a pattern with ``$`` takes it for one: so often it may."""
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
    """Whether the pattern occurs; a long text is searched in overlapping pieces of 1 KiB."""
    compiled = guard_pattern(pattern)
    stride, last = WINDOW - _OVERLAP, max(len(text) - _OVERLAP, 1)
    return any(_within(compiled, text, at) for at in range(0, last, stride))


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
