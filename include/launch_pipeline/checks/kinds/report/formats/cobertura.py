"""Cobertura XML: the coverage by tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.report.formats.coverage import (
    Share,
    agreeing,
    coverage_facts,
    share,
    summed,
)
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

_CONDITIONS = re.compile(r"\((\d{1,9})/(\d{1,9})\)")
_NEAR = 0.05
"""By how much the listed lines may differ from the counters: some tools count statements."""


def read_cobertura(root: Element) -> Parsed:
    """Read the counts of lines and branches; the rates must be theirs."""
    stated = root.get("line-rate")
    if root.tag != "coverage" or stated is None:
        message = f"the root is <{root.tag}> without a line-rate"
        raise ValueError(message)
    lines = agreeing(stated, _lines(root), "line-rate")
    facts, unknown = coverage_facts(lines, *_branches(root))
    stamp = number(root.get("timestamp"))
    # coverage.py writes milliseconds, other tools seconds.
    seconds = stamp / 1000 if stamp and stamp > 1e11 else stamp  # noqa: PLR2004
    return Parsed("cobertura", facts, generated_at=seconds, unknown=unknown)


def _lines(root: Element) -> Share:
    """Return the counts of the root, or of the listed lines where the root has none."""
    listed = _listed(root)
    counts = _counts(root, "lines") or listed
    if counts is None:
        message = "it does not say how many lines there are; neither a count nor a line is in it"
        raise ValueError(message)
    if listed and counts.total and listed.total and abs(counts.rate - listed.rate) > _NEAR:
        message = f"it counts {counts} lines, and lists {listed}"
        raise ValueError(message)
    return counts


def _counts(root: Element, what: str) -> Share | None:
    covered, total = root.get(f"{what}-covered"), root.get(f"{what}-valid")
    if covered is None and total is not None and number(total) == 0:
        return Share(0, 0)
    return None if covered is None or total is None else share(covered, total, what)


def _listed(root: Element) -> Share | None:
    """Count the lines of the classes; those of their methods are among them."""
    hits: dict[tuple[str, str], float] = {}
    for file, line in _class_lines(root):
        place = (file, line.get("number", ""))
        hits[place] = max(hits.get(place, 0), number(line.get("hits")) or 0)
    return Share(sum(count > 0 for count in hits.values()), len(hits)) if hits else None


def _class_lines(root: Element) -> Iterator[tuple[str, Element]]:
    for one in root.iter("class"):
        for line in one.iterfind("lines/line"):
            yield one.get("filename", one.get("name", "")), line


def _branches(root: Element) -> tuple[Share | None, str]:
    """Return the counts of branches; or none, and why."""
    try:
        counts = _counts(root, "branches")
        counts = counts if counts and counts.total else summed(_conditions(root))
        return agreeing(root.get("branch-rate", ""), counts, "branch-rate") if counts.total else None, ""
    except ValueError as error:
        return None, str(error)


def _conditions(root: Element) -> Iterator[Share]:
    for _, line in _class_lines(root):
        found = _CONDITIONS.search(line.get("condition-coverage", ""))
        if found:
            yield share(found[1], found[2], "branches")
