"""The documents lead where they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    """Every relative link and picture is there; a number of a decision is that of its file."""
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if ":" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]


ANCHOR = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_headings(page: Path) -> None:
    """Every link into a page of ours names one of its headings, as GitHub writes them."""
    links = [
        (name, anchor) for name, anchor in ANCHOR.findall(page.read_text(encoding="utf-8")) if ":" not in name
    ]
    for name, anchor in links:
        headings = HEADING.findall((page.parent / name if name else page).read_text(encoding="utf-8"))
        assert anchor in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_decisions_have_numbers_of_their_own() -> None:
    """1, 2, 3, … without a gap, and each says its own."""
    files = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        assert file.read_text(encoding="utf-8").startswith(f"# {int(file.name[:4])}. ")
