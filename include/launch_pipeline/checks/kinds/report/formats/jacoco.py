"""JaCoCo XML: the coverage of Java (github.com/jacoco/jacoco, org.jacoco.report, report.dtd)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.report.formats.coverage import Share, coverage_facts, share, summed
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LINES, _BRANCHES = "LINE", "BRANCH"


def read_jacoco(root: Element) -> Parsed:
    """Read the counters of the whole report; they must be the sum of its parts."""
    if root.tag != "report":
        message = f"the root is <{root.tag}>"
        raise ValueError(message)
    lines, branches = _counter(root, _LINES), _counter(root, _BRANCHES)
    if lines is None:
        message = (
            "it counts no lines; compile with debug information (javac -g), and run the tests with its agent"
        )
        raise ValueError(message)
    facts, unknown = coverage_facts(_of_its_parts(root, lines), branches)
    dumps = [number(session.get("dump")) for session in root.iterfind("sessioninfo")]
    ends = [milliseconds / 1000 for milliseconds in dumps if milliseconds is not None]
    return Parsed("jacoco", facts, generated_at=min(ends, default=None), unknown=unknown)


def _counter(element: Element, kind: str) -> Share | None:
    for counter in element.iterfind("counter"):
        if counter.get("type") == kind:
            missed, covered = number(counter.get("missed")), number(counter.get("covered"))
            total = None if missed is None or missed < 0 or covered is None else covered + missed
            return share(covered, total, "lines" if kind == _LINES else "branches")
    return None


def _of_its_parts(root: Element, lines: Share) -> Share:
    parts = [part for part in root if part.tag in {"group", "package"}]
    counted = [one for part in parts if (one := _counter(part, _LINES)) is not None]
    found = summed(counted)
    if found != lines:
        message = f"it counts {lines} lines, and its packages {found}"
        raise ValueError(message)
    return lines
