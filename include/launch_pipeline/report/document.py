"""Split the document into classified lines; lines that match no form stay as they are."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.report.model import ItemLine, PhaseLines

NAME = "production-launch-checklist.md"
MARK = "<!--launch"
"""The start of everything that a report inserts, so that it can be removed again."""


class Kind(Enum):
    """The forms of a line in the document."""

    TITLE = auto()
    CHAPTER = auto()
    SECTION = auto()
    BOX = auto()
    ENTRY = auto()
    FIELD = auto()
    OTHER = auto()


_FORMS = (
    (Kind.TITLE, re.compile(r"# (?P<label>.+)")),
    (Kind.CHAPTER, re.compile(r"## (?P<label>.+)")),
    (Kind.SECTION, re.compile(r"### (?P<label>.+)")),
    (Kind.BOX, re.compile(r"(?P<before>\s*[-*+] )\[(?P<box>[ xX])\] (?P<label>.+)")),
    (Kind.ENTRY, re.compile(r"(?P<before>\s*[-*+] \*\*(?P<label>[^*]+)\*\*: )(?P<value>.*?)(?P<after>\s*)")),
    (Kind.FIELD, re.compile(r"(?P<before>\*\*(?P<label>[^*]+)\*\*: )(?P<value>.*?)(?P<after>\s*)")),
)


@dataclass(frozen=True)
class Line:
    """One line, with the headings above it."""

    kind: Kind
    text: str
    """The line without its end."""
    end: str
    """``\\n``, ``\\r\\n``, or nothing at the end of the document."""
    chapter: str
    section: str
    parts: dict[str, str]

    @property
    def label(self) -> str:
        """The words of a heading or a box, the name of a field or an entry."""
        return self.parts.get("label", "").strip()


def read_document() -> str:
    """Read the document that the checklists came from. Raises ConfigurationError."""
    path = checklist_folder() / NAME
    try:
        # Read as bytes: universal newlines would change the document.
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        fix = "restore the document in the folder of the checklists."
        raise ConfigurationError(str(path), "", f"cannot be read: {error}.", fix) from error
    if MARK in text:
        fix = "remove it: reports use it to mark what they add."
        raise ConfigurationError(str(path), "", f"contains {MARK!r}.", fix)
    return text


def lines_of(document: str) -> list[Line]:
    """Split the document; the texts and ends joined again are the document."""
    return list(_lines(document))


def _lines(document: str) -> Iterator[Line]:
    chapter = section = ""
    for raw in re.findall(r"[^\n]*\n|[^\n]+", document):
        text = raw.removesuffix("\n").removesuffix("\r")
        kind, parts = _understood(text)
        if kind is Kind.CHAPTER:
            chapter, section = parts["label"].strip(), ""
        elif kind is Kind.SECTION:
            section = parts["label"].strip()
        yield Line(kind, text, raw[len(text) :], chapter, section, parts)


def _understood(text: str) -> tuple[Kind, dict[str, str]]:
    for kind, form in _FORMS:
        if found := form.fullmatch(text):
            return kind, found.groupdict()
    return Kind.OTHER, {}


def title_of(lines: Iterable[Line]) -> str:
    """Return the document's title."""
    return next((line.label for line in lines if line.kind is Kind.TITLE), "Launch")


def boxes(lines: Iterable[Line], phases: Iterable[PhaseLines]) -> dict[int, ItemLine]:
    """Match boxes with items by headings and words, in order; return the items by line number."""
    waiting: dict[tuple[str, str, str], deque[ItemLine]] = defaultdict(deque)
    for phase in phases:
        for section in phase.sections:
            for item in section.items:
                waiting[phase.title, section.title, item.text].append(item)
    found = {}
    for number, line in enumerate(lines):
        key = (line.chapter, line.section, line.label)
        if line.kind is Kind.BOX and waiting.get(key):
            found[number] = waiting[key].popleft()
    return found
