"""Store the product's log lines, and count them by the part of LogQL that the checklist uses."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KEEP = 20_000
_COUNT = re.compile(
    r"count_over_time\(\s*\{(?P<labels>[^}]*)\}\s*(?:\|=\s*\"(?P<text>[^\"]*)\"\s*)?(?:!=\s*\"(?P<without>[^\"]+)\"\s*)?"
    r"(?:\|\s*json\s*\|\s*(?P<field>\w+=~?\"[^\"]*\")\s*)?\[(?P<number>\d+)(?P<unit>[smhd])\]\s*\)"
)
_BY = re.compile(r"\bby\s*\((?P<label>\w+)\)")
_STREAMS = re.compile(r"\{[^{}]*\}")
_LABEL = re.compile(r'(\w+)(=~|=)"([^"]*)"')
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Line:
    """One log line."""

    at: float
    labels: dict[str, str]
    text: str


class Logs:
    """Keep the newest log lines."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_KEEP)

    def write(self, labels: dict[str, str], **fields: Any) -> None:
        """Add a line of JSON."""
        self._lines.append(Line(time.time(), labels, json.dumps(fields, ensure_ascii=False)))

    def count(self, query: str) -> dict[str, int]:
        """Count matching lines by a label, else by application; raises ValueError for another query."""
        asked = _COUNT.search(query)
        if asked is None:
            message = "this Loki understands sums of count_over_time only"
            raise ValueError(message)
        found: dict[str, int] = {}
        by = _BY.search(query)
        for line in self._matching(asked):
            name = line.labels.get(by["label"] if by else "app", "")
            found[name] = found.get(name, 0) + 1
        return found

    def newest(self, selector: str, since: float) -> list[Line]:
        """Return the lines of streams, newest first; raises ValueError for anything but a selector."""
        if not _STREAMS.fullmatch(selector.strip()):
            message = "this Loki understands log queries without filters only"
            raise ValueError(message)
        tests, oldest = [_test(*label) for label in _LABEL.findall(selector)], time.time() - since
        return [
            line
            for line in reversed(self._lines)
            if line.at >= oldest and all(test(line.labels) for test in tests)
        ]

    def _matching(self, asked: re.Match[str]) -> Iterator[Line]:
        tests = [_test(*label) for label in _LABEL.findall(asked["labels"])]
        oldest = time.time() - int(asked["number"]) * _UNITS[asked["unit"]]
        text, without = asked["text"] or "", asked["without"]
        fields = [_test(*field) for field in _LABEL.findall(asked["field"] or "")]
        for line in self._lines:
            wanted = line.at >= oldest and text in line.text and all(test(line.labels) for test in tests)
            wanted = wanted and (without is None or without not in line.text)
            if wanted and all(test(_texts(line)) for test in fields):
                yield line


def _texts(line: Line) -> dict[str, str]:
    """Return the fields of a line of JSON as texts, as LogQL's ``json`` reads them."""
    return {name: str(value) for name, value in json.loads(line.text).items()}


def _test(name: str, sign: str, wanted: str) -> Callable[[dict[str, str]], bool]:
    if sign == "=":
        return lambda labels: labels.get(name) == wanted
    pattern = re.compile(wanted)
    return lambda labels: bool(pattern.fullmatch(labels.get(name, "")))
