"""The audit names every item once, with a class, what verifies it, and what a pass shows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.vocabulary import TrueUntil
from launch_pipeline.checks.engine.registry import parameter_models

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
_ROW = re.compile(r"\| `(\w+\.\w+\.\w+)` \| (\w) \| (.+?) \| (.+?) \|")
ROWS = [found.groups() for line in PAGE.splitlines() if (found := _ROW.fullmatch(line))]
CLASSES = {"A", "B", "P"}
"""Convincing, fair to the sentence, and a person alone; what is less is repaired or explained."""


def test_every_item_has_one_row() -> None:
    """The rows are the items of all phases, in the document's order."""
    items = [
        f"{phase.id}.{section.id}.{item.id}"
        for phase in load_phases(parameter_models())
        for section, item in phase.items()
    ]
    assert [row[0] for row in ROWS] == items


def test_person_alone_answers_what_has_no_check() -> None:
    """Class P is for items without checks, and only for them."""
    without = {
        f"{phase.id}.{section.id}.{item.id}"
        for phase in load_phases(parameter_models())
        for section, item in phase.items()
        if not item.checks
    }
    assert {ref for ref, grade, *_ in ROWS if grade == "P"} == without


def test_nothing_less_than_fair_is_left_unexplained() -> None:
    """A row of another class has a paragraph of its own below the tables."""
    worse = {ref for ref, grade, *_ in ROWS if grade not in CLASSES}
    explained = set(re.findall(r"^- `(\w+\.\w+\.\w+)`: ", PAGE, re.MULTILINE))
    assert worse == explained


def test_counts_are_those_of_the_rows() -> None:
    """The line of the counts is true."""
    counted = Counter(grade for _, grade, *_ in ROWS)
    said = dict(re.findall(r"(\d+) are (\w)\b", PAGE))
    assert {grade: str(number) for grade, number in counted.items()} == {g: n for n, g in said.items()}


def test_passes_that_end_early_are_listed() -> None:
    """What may be false later in an ordinary launch is told, with its end, and nothing else is."""
    ends = {"T-0": TrueUntil.LAUNCH_TIME, "its phase is sealed": TrueUntil.SEALED}
    told = re.findall(rf"^\| `(\w+\.\w+\.\w+)` \| ({'|'.join(ends)}) \| .+ \|$", PAGE, re.MULTILINE)
    assert [(ref, ends[end]) for ref, end in told] == [
        (f"{phase.id}.{section.id}.{item.id}", item.true_until)
        for phase in load_phases(parameter_models())
        for section, item in phase.items()
        if item.true_until
    ]
