"""LCOV tracefiles: the coverage of C, and of whatever else writes them (man geninfo, section FILES)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from launch_pipeline.checks.kinds.report.formats.coverage import Share, coverage_facts
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

_RECORD = re.compile(r"([A-Z][A-Z0-9]{1,4}):(.*)")
_END = "end_of_record"
_FILE = "SF"
_OF_A_FILE = {"DA", "BRDA", "LF", "LH", _END}
_NOT_REACHED = "-"


@dataclass
class _File:
    """The lines and branches of a source file, over all tests of the tracefile."""

    lines: dict[str, float] = field(default_factory=dict)
    branches: dict[str, float] = field(default_factory=dict)
    most: int = 0
    """The largest number of lines that a record of it states."""


def read_lcov(text: str) -> Parsed:
    """Count the lines of each file, whatever test ran them."""
    files = _files(text)
    for name, file in files.items():
        if file.most > len(file.lines):
            message = f"it counts {file.most} lines of {name[:80]}, and lists {len(file.lines)}"
            raise ValueError(message)
    lines = _hit([count for file in files.values() for count in file.lines.values()])
    branches = _hit([count for file in files.values() for count in file.branches.values()])
    facts, unknown = coverage_facts(lines, branches)
    return Parsed("lcov", facts, unknown=unknown)


def _hit(counts: list[float]) -> Share:
    return Share(sum(count > 0 for count in counts), len(counts))


def _files(text: str) -> dict[str, _File]:
    files: dict[str, _File] = {}
    name = ""
    for line in filter(None, (one.strip() for one in text.split("\n"))):
        kind, rest = _record(line)
        if bool(name) == (kind == _FILE):
            _ended(name, kind)
        elif kind == _FILE:
            name = rest
            files.setdefault(name, _File())
        elif kind == _END:
            name = ""
        else:
            _note(files[name], kind, rest)
    if name or not files:
        message = f"it is cut off: no {_END} at its end" if files else "it is about no source file"
        raise ValueError(message)
    return files


def _ended(name: str, kind: str) -> None:
    """Refuse a file within a file, and counts of none; names of tests and comments may be anywhere."""
    if name or kind in _OF_A_FILE:
        message = f"{kind} is within {name[:80]}: no {_END}" if name else f"{kind} is about no source file"
        raise ValueError(message)


def _record(line: str) -> tuple[str, str]:
    if line == _END:
        return _END, ""
    found = _RECORD.fullmatch(line)
    if found is None and not line.startswith("#"):
        message = f"no tracefile has a line '{line[:40]}'"
        raise ValueError(message)
    return (found[1], found[2]) if found else ("", "")


def _note(file: _File, kind: str, rest: str) -> None:
    parts = rest.split(",")
    if kind == "DA":
        _add(file.lines, parts[0], parts[1])
    elif kind == "BRDA":
        *place, taken = parts
        _add(file.branches, ",".join(place), "0" if taken == _NOT_REACHED else taken)
    elif kind == "LF":
        file.most = max(file.most, int(rest))


def _add(counts: dict[str, float], place: str, text: str) -> None:
    count = number(text)
    if count is None:
        message = f"it says that line {place[:20]} ran {text[:20]!r} times"
        raise ValueError(message)
    counts[place] = max(counts.get(place, 0), count)
