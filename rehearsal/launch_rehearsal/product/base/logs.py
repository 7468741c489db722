"""The log lines of the stand-in, and the part of LogQL that the checklist speaks."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KEEP = 20_000
_LOOKS = 8
_PAUSE = 0.1
_COUNT = re.compile(
    r"count_over_time\(\s*\{(?P<labels>[^}]*)\}\s*(?:\|=\s*\"(?P<text>[^\"]*)\"\s*)?"
    r"(?:\|\s*json\s*\|\s*level=\"(?P<level>\w+)\"\s*)?\[(?P<number>\d+)(?P<unit>[smhd])\]\s*\)"
)
_BY = re.compile(r"count\(\s*count by \((?P<label>\w+)\)")
_LABEL = re.compile(r'(\w+)(=~|=)"([^"]*)"')
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Line:
    """One log line."""

    at: float
    labels: dict[str, str]
    text: str


class Logs:
    """Keeps the newest lines."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_KEEP)

    def write(self, labels: dict[str, str], **fields: Any) -> None:
        """Add a line, written as JSON."""
        self._lines.append(Line(time.time(), labels, json.dumps(fields, ensure_ascii=False)))

    def count(self, query: str) -> dict[str, int]:
        """Count matching lines by application; raises ValueError for what is not understood."""
        asked = _COUNT.search(query)
        if asked is None:
            message = "only sums of count_over_time are understood here"
            raise ValueError(message)
        found: dict[str, int] = {}
        for line in self._matching(asked):
            name = line.labels.get("app", "")
            found[name] = found.get(name, 0) + 1
        return found

    def _matching(self, asked: re.Match[str]) -> Iterator[Line]:
        tests = [_test(*label) for label in _LABEL.findall(asked["labels"])]
        oldest = time.time() - int(asked["number"]) * _UNITS[asked["unit"]]
        text, level = asked["text"] or "", asked["level"]
        for line in self._lines:
            wanted = line.at >= oldest and text in line.text and all(test(line.labels) for test in tests)
            if wanted and (level is None or json.loads(line.text).get("level") == level):
                yield line

    async def _settled(self, query: str) -> dict[str, int]:
        """Count; where nothing matches, wait for what may be on its way."""
        for _ in range(_LOOKS):
            if counts := self.count(query):
                return counts
            await asyncio.sleep(_PAUSE)
        return self.count(query)

    def app(self) -> web.Application:
        """Make Loki's query API."""

        async def query(request: web.Request) -> web.Response:
            asked = request.query.get("query", "")
            try:
                counts = await self._settled(asked)
            except ValueError as error:
                return web.Response(status=400, text=str(error))
            value = len(counts) if _BY.search(asked) else sum(counts.values())
            result = [{"metric": {}, "value": [time.time(), str(value)]}] if value else []
            data = {"resultType": "vector", "result": result, "stats": {}}
            return web.json_response({"status": "success", "data": data})

        app = web.Application()
        app.router.add_get("/api/v1/query", query)
        return app


def _test(name: str, sign: str, wanted: str) -> Callable[[dict[str, str]], bool]:
    if sign == "=":
        return lambda labels: labels.get(name) == wanted
    pattern = re.compile(wanted)
    return lambda labels: bool(pattern.fullmatch(labels.get(name, "")))
