"""Sentences of a checklist about what was observed: ``{value:percent} of requests failed; limit 0.1 %``.

A placeholder is a JMESPath into the facts, and a unit. Sentences only speak: they decide nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import field_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checks.language.paths import compiled
from launch_pipeline.checks.language.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_TOKEN = re.compile(rf"({_VARIABLE.pattern})|\{{((?:{_VARIABLE.pattern}|[^{{}}])*)\}}|([{{}}])")
_INSIDE = re.compile(r"(.+?)(?::([a-z]+)(?: ([\w /-]+))?)?", re.DOTALL)
_LONGEST = 300


@dataclass(frozen=True)
class Placeholder:
    """A value within a sentence: its path, the unit, and the word that is counted."""

    path: str
    unit: str = ""
    words: str = ""


Part = str | Placeholder


@lru_cache(maxsize=1024)
def parse_sentence(text: str) -> tuple[Part, ...]:
    """Parse a sentence into texts and placeholders; raises ValueError that says what to write."""
    if not text.strip() or len(text) > _LONGEST:
        message = f"{text[:40]!r} is no sentence of at most {_LONGEST} characters; shorten it"
        raise ValueError(message)
    parts: list[Part] = []
    at = 0
    for token in _TOKEN.finditer(text):
        variable, inside, brace = token.groups()
        if brace:
            message = f"{text[:60]!r} has a brace without its other half; write '{{value:percent}}'"
            raise ValueError(message)
        parts.append(text[at : token.start()])
        parts.append(variable or _placeholder(inside))
        at = token.end()
    return tuple(part for part in (*parts, text[at:]) if part != "")


def _placeholder(inside: str) -> Placeholder:
    match = _INSIDE.fullmatch(inside.strip())
    if match is None:
        message = "'{}' names no fact; write for example '{value:percent}'"
        raise ValueError(message)
    path, unit, words = match[1], match[2] or "", match[3] or ""
    compiled(path)
    if unit and unit not in UNITS:
        message = f"'{unit}' in {{{inside}}} is no unit; write one of {', '.join(sorted(UNITS))}"
        raise ValueError(message)
    if unit and UNITS[unit] is not bool(words):
        fix = "write for example '{value:count rule}'" if UNITS[unit] else f"write '{{{path}:{unit}}}'"
        message = f"{{{inside}}} cannot be read: {fix}"
        raise ValueError(message)
    return Placeholder(path, unit, words)


def paths_of(sentence: str) -> frozenset[str]:
    """Return the paths that a sentence reads."""
    return frozenset(part.path for part in parse_sentence(sentence) if isinstance(part, Placeholder))


def spoken(sentence: str, write: Callable[[Placeholder], str], fill: Callable[[str], str]) -> str:
    """Say a sentence: ``write`` gives the text of a placeholder, ``fill`` that of a variable."""
    texts = []
    for part in parse_sentence(sentence):
        if isinstance(part, Placeholder):
            texts.append(write(part))
        else:
            texts.append(fill(part) if _VARIABLE.fullmatch(part) else part)
    return " ".join("".join(texts).split())


class Sentences(Frozen):
    """A sentence for a check that passed, and others for one that failed."""

    passed: str = ""
    """What is so, of a check that passed."""
    failed: str = ""
    """What is wrong, and the limit, of a check that failed."""
    missing: str = ""
    """What is wrong where a value that ``failed`` reads is missing."""

    @field_validator("passed", "failed", "missing", mode="after")
    @classmethod
    def _readable(cls, text: str) -> str:
        if text:
            parse_sentence(text)
        return text

    @classmethod
    def of(cls, says: str | Sentences) -> Sentences:
        """Return a sentence that is the same for both as two."""
        return says if isinstance(says, Sentences) else cls(passed=says, failed=says)
