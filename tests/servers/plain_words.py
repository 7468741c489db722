"""Tells whether a text is for people: no operator, no path and no sentinel."""

from __future__ import annotations

import re

_SIGNS = re.compile(
    r"[=!<>]=|&&|\|\||[<>]"  # operators
    r"|\[\?|`|\[\]|@|\bjson\.|\b(?:length|contains|keys|values|sum|max|min|sort|reverse)\("  # JMESPath
    r"|\b\d+e[+-]?\d+\b|(?<![0-9a-f])\d{15,}(?![0-9a-f])"  # sentinels, which no commit is
)


def signs_in(text: str) -> list[str]:
    """Return what a person would have to be a programmer to read."""
    return _SIGNS.findall(text)
