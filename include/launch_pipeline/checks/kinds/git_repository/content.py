"""Texts of files: what their bytes mean, in whatever encoding, or why that cannot be known."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The longer mark first: that of UTF-32-LE begins with that of UTF-16-LE."""
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_NO_TEXT = {"Cc", "Cn", "Co", "Cs"}
"""Categories of characters that texts do not have."""
_BLANK = "\t\n\v\f\r\x1b"
_POINTERS = (
    (b"version https://git-lfs.github.com/spec/", "Git LFS"),
    (b"version https://hawser.github.com/spec/", "Git LFS"),
    (b"/annex/objects/", "git-annex"),
)
"""Beginnings of files that only name their content (git-lfs: docs/spec.md; git-annex: pointer file)."""
_LONGEST_POINTER = 32 * 1024
_PICTURES = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
    ".gif": b"GIF8",
    ".ico": b"\0\0\1\0",
    ".webp": b"RIFF",
    ".woff": b"wOFF",
    ".woff2": b"wOF2",
    ".ttf": b"\0\1\0\0",
    ".otf": b"OTTO",
}
"""How pictures and fonts begin, by the end of their names."""


@dataclass(frozen=True)
class Text:
    """A file's text; ``others`` are what it says in other encodings that its bytes allow."""

    best: str
    others: tuple[str, ...] = ()
    utf8: bool = True
    """Whether letters beyond ASCII are certain."""


def read_text(raw: bytes) -> Text:
    """Decode a file; raises ValueError that says why it has no text that could be read."""
    for beginning, where in _POINTERS:
        if raw.startswith(beginning) and len(raw) <= _LONGEST_POINTER:
            message = f"is kept in {where}, its content is not in the repository"
            raise ValueError(message)
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            marked = _strictly(raw[len(mark) :], codec)
            if marked is not None and _is_text(marked):
                return Text(marked)
    return _wide(raw) if b"\0" in raw else _narrow(raw)


def is_picture(path: str, raw: bytes) -> bool:
    """Return whether a file is a picture or a font, by its name and its content: those hold no lines."""
    beginning = _PICTURES.get(PurePosixPath(path).suffix.lower())
    return beginning is not None and raw.startswith(beginning)


def _wide(raw: bytes) -> Text:
    """Decode UTF-16 or UTF-32 without a mark; each reading that makes sense counts."""
    decoded = [_strictly(raw, codec) for codec in _WIDE]
    texts = [text for text in decoded if text and _is_text(text)]
    if not texts:
        message = "is binary"
        raise ValueError(message)
    best, *others = sorted(texts, key=lambda text: sum(map(str.isascii, text)) / len(text), reverse=True)
    return Text(best, tuple(others))


def _narrow(raw: bytes) -> Text:
    """Decode UTF-8, or a text whose ASCII letters alone are certain."""
    plain = _strictly(raw.removeprefix(codecs.BOM_UTF8), "utf-8")
    if plain is not None:
        return Text(plain)
    text = raw.decode("latin-1")
    if any(letter < " " and letter not in _BLANK for letter in set(text)):
        message = "is binary"
        raise ValueError(message)
    return Text(text, utf8=False)


def _strictly(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_text(text: str) -> bool:
    return all(letter in _BLANK or unicodedata.category(letter) not in _NO_TEXT for letter in set(text))
