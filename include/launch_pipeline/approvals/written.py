"""What of a text can be seen: a reason of blanks, fillers and marks that show nothing says nothing."""

from __future__ import annotations

import unicodedata

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159")
"""Letters and symbols by category that show nothing: fillers, blank hieroglyphs, a headless note."""
_UNSEEN = frozenset("ZCM")
"""First letters of the categories that show nothing by themselves: separators, controls, marks."""


def visible_length(text: str) -> int:
    """Count the characters of a text that can be seen.

    Blanks, controls, format characters (zero-width, direction, tags), variation selectors, marks without
    weight of their own, fillers, unassigned and private characters count nothing. What a compatibility form
    stands for counts as that, but never as more than one.
    """
    return sum(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    return _shows(character) and any(map(_shows, unicodedata.normalize("NFKC", character)))


def _shows(character: str) -> bool:
    return character not in _BLANK and unicodedata.category(character)[0] not in _UNSEEN
