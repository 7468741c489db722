"""Decide which characters of a text can be seen: a reason of blanks and invisible marks is no reason."""

from __future__ import annotations

import unicodedata

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159")
"""Fillers, blank hieroglyphs and a headless note: letters and symbols by category that show nothing."""
_UNSEEN = frozenset("ZCM")
"""First letters of the categories that show nothing by themselves: separators, controls, marks."""
_REMOVED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Categories that control or hide something: controls, formats, surrogates, private and unassigned."""
_JOINERS = frozenset("\u200c\u200d")
"""Formats that scripts and emoji need."""


def visible_length(text: str) -> int:
    """Count the characters of a text that can be seen.

    Blanks, controls, format characters (zero-width, direction, tags), variation selectors, combining marks,
    fillers, unassigned and private characters count as nothing. A compatibility form counts as what it stands
    for, but never as more than one.
    """
    return sum(map(_is_visible, text))


def one_line(text: str) -> str:
    """Return the text on one line, without characters that control or hide something."""
    kept = (" " if c.isspace() else c for c in text if c.isspace() or _is_harmless(c))
    return " ".join("".join(kept).split())


def _is_harmless(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _REMOVED


def _is_visible(character: str) -> bool:
    return _shows(character) and any(map(_shows, unicodedata.normalize("NFKC", character)))


def _shows(character: str) -> bool:
    return character not in _BLANK and unicodedata.category(character)[0] not in _UNSEEN
