"""What README, CONTRIBUTING and docs tell people to type: their command blocks, as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = frozenset({"sh", "bash", "shell", "console", "sql"})
_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}| {6})((?:launch|make|docker|git|pip|python) [^\n]*)\n", re.MULTILINE)
_INLINE = re.compile(r"`(launch [a-z][^`\n]*)`")


@dataclass(frozen=True)
class Block:
    """Lines that somebody copies into a terminal."""

    page: str
    """Path in the project."""
    language: str
    text: str

    @property
    def first(self) -> str:
        """The first command without its remark, by which a block is known."""
        return self.text.strip().splitlines()[0].partition("  #")[0].rstrip(" \\")


def blocks() -> Iterator[Block]:
    """Every block in order: fenced ones, and commands that stand alone and indented."""
    for page in PAGES:
        text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
        for indent, language, body in _FENCED.findall(text):
            if language in LANGUAGES:
                yield Block(name, language, re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
        for line in _INDENTED.findall(_FENCED.sub("", text)):
            yield Block(name, "sh", line)


def inline_commands() -> Iterator[tuple[str, str]]:
    """Page and command of every ``launch …`` that stands within a sentence."""
    for page in PAGES:
        for command in _INLINE.findall(page.read_text(encoding="utf-8")):
            yield str(page.relative_to(ROOT)), command
