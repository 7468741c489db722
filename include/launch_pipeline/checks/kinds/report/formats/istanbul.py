"""Istanbul's JSON, of nyc, c8, Jest and Vitest: ``coverage-summary.json`` and ``coverage-final.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from collections.abc import Iterable, Mapping

_TOTAL, _LINES, _BRANCHES = "total", "lines", "branches"


def read_istanbul(document: dict[str, Any]) -> Parsed:
    """Read the summary's totals, or count the lines and branches of every file."""
    if _TOTAL in document:
        lines, branches = (_summed(document, what) for what in (_LINES, _BRANCHES))
    else:
        files = [file.get("data", file) for file in document.values()]
        lines = _hit(count for file in files for count in _line_counts(file).values())
        branches = _hit(count for file in files for arms in file["b"].values() for count in arms)
    facts, unknown = coverage_facts(lines, branches)
    return Parsed("istanbul", facts, unknown=unknown)


def _summed(document: Mapping[str, Any], what: str) -> Share:
    """Return the totals; raises ValueError unless they and their rate are those of the files."""
    total = _counts(document[_TOTAL], what)
    files = [_counts(file, what) for name, file in document.items() if name != _TOTAL]
    found = summed(files)
    if files and found != total:
        message = f"it counts {total} {what}, and its files {found}"
        raise ValueError(message)
    percent = number(document[_TOTAL][what]["pct"])
    rate = percent / 100 if percent is not None else document[_TOTAL][what]["pct"]
    return agreeing(rate, total, "pct / 100") if total.total else total


def _counts(file: Mapping[str, Any], what: str) -> Share:
    return share(file[what]["covered"], file[what]["total"], what)


def _line_counts(file: Mapping[str, Any]) -> dict[int, float]:
    """Count each line by the statements that begin there, as istanbul-lib-coverage does."""
    counts: dict[int, float] = {}
    for name, count in file["s"].items():
        line = int(file["statementMap"][name]["start"]["line"])
        counts[line] = max(counts.get(line, 0), _times(count))
    return counts


def _hit(counts: Iterable[Any]) -> Share:
    known = [_times(count) for count in counts]
    return Share(sum(count > 0 for count in known), len(known))


def _times(count: Any) -> float:
    times = number(count)
    if times is None or times < 0:
        message = f"it says that something ran {str(count)[:20]!r} times"
        raise ValueError(message)
    return times
