r"""Regular expressions in a checklist, searched by RE2 in time that grows linearly with the text.

The syntax is RE2's: ``\d``, ``\w``, ``\s`` and ``\b`` mean ASCII characters, and there are neither
look-arounds nor back-references. As in Python, ``$`` also matches before a newline that ends the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

LONGEST = 500
"""Characters of a pattern."""
_MEMORY = 1024 * 1024
"""Bytes that one compiled pattern may take, with the states that it caches."""
_MOST_STEPS = 1_000_000_000
"""Text bytes times instructions of the pattern: the worst case of one search, about ten seconds."""
_ADVICE = {
    r"\(\?<?[=!]": (
        "look-ahead and look-behind are not supported; write each condition as its own comparison, "
        "with 'not matches' for what must not occur"
    ),
    r"\\[1-9]|\(\?P": "back-references are not supported; write the alternatives out",
    r"\(\?>|[*+?}]\+": "atomic groups and possessive repetitions are not needed; leave them out",
    "repetition size": "a repetition counts to 1000 at most, nested ones together",
    "too large": "the pattern needs too much memory; repeat less",
}
"""What to write instead, by the error of RE2."""


@lru_cache(maxsize=256)
def guard_pattern(pattern: str) -> re2._Regexp:
    """Compile a pattern; raises ValueError that says what to write instead if RE2 refuses it."""
    if len(pattern) > LONGEST:
        message = f"the pattern is longer than {LONGEST} characters; shorten it"
        raise ValueError(message)
    try:
        return re2.compile(pattern, _options())
    except UnicodeEncodeError as error:
        message = f"{pattern[:80]!r} is not a regular expression: it holds a surrogate; remove it"
        raise ValueError(message) from error
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        message = f"{pattern[:80]!r} is not a regular expression: {reason}; {_advice(reason)}"
        raise ValueError(message) from error


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    return options


def _advice(reason: str) -> str:
    texts = (advice for shape, advice in _ADVICE.items() if re.search(shape, reason))
    return next(texts, "see github.com/google/re2/wiki/Syntax")


def found(pattern: str, text: str) -> bool:
    """Return whether the pattern occurs in the text; raises ValueError if the search could take too long."""
    compiled = guard_pattern(pattern)
    data = text.encode("utf-8", "replace")
    if len(data) * compiled.programsize > _MOST_STEPS:
        message = "the text is too long for this pattern; write it with fewer or shorter repetitions"
        raise ValueError(message)
    if compiled.search(data):
        return True
    return "$" in pattern and data.endswith(b"\n") and compiled.search(data[:-1]) is not None
