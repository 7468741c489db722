"""The document as lines, each knowing what it is; whatever is not understood stays as it is."""

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
"""What is put into the document begins with it, so that it can be taken out again."""


class Kind(Enum):
    """What a line of the document is."""

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
    """One line, with the headings that it stands under."""

    kind: Kind
    text: str
    """Without its end."""
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
    """Read the document that the checklists were made from. Raises ConfigurationError."""
    path = checklist_folder() / NAME
    try:
        # As bytes: universal newlines would change what must stay as it is.
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        fix = "restore the document beside the checklists."
        raise ConfigurationError(str(path), "", f"cannot be read: {error}.", fix) from error
    if MARK in text:
        fix = "take it out: reports mark with it what they add."
        raise ConfigurationError(str(path), "", f"contains {MARK!r}.", fix)
    return text


def lines_of(document: str) -> list[Line]:
    """Take the document apart; joined again, texts and ends are the document."""
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
    """The document's title."""
    return next((line.label for line in lines if line.kind is Kind.TITLE), "Launch")


def boxes(lines: Iterable[Line], phases: Iterable[PhaseLines]) -> dict[int, ItemLine]:
    """Find the item of each box, by number of its line: same headings, same words, in order."""
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
