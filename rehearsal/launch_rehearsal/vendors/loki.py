"""Loki's query API, and the ruler that it serves under ``/prometheus``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

_INSTANT = (
    "log queries are not supported as an instant query type, please change your query to a range query type"
)
_UNCLOSED = "parse error at line 1, col 5: syntax error: unexpected $end"


class Loki:
    """Serve values by metric query, and the same log lines for every log query."""

    def __init__(self, config: str = "") -> None:
        self.numbers: dict[str, list[Any]] = {}
        """The values of a metric query, by its text."""
        self.lines: list[str] = []
        self.age = 0.0
        """Seconds since the newest line."""
        self.rules: list[dict[str, Any]] = []
        self.arrives_after = 0
        """Ingestion lag: the number of queries that find nothing before the values are there."""
        self.asked: list[dict[str, str]] = []
        self._config = config

    async def values(self, query: str) -> Sequence[Any]:
        """Return the values of a metric query; raises ValueError with Loki's words for a bad query."""
        return self.numbers.get(query, []) if len(self.asked) > self.arrives_after else []

    async def log_lines(self, _query: str, _since: float) -> Sequence[tuple[float, str]]:
        """Return the lines of a log query that are not older than ``_since`` seconds, newest first.

        Each comes with its time (epoch, s). Raises ValueError with Loki's words for a bad query.
        """
        newest = time.time() - self.age
        return [(newest - number * 1e-6, line) for number, line in enumerate(self.lines)]

    async def streams(self, _selector: str) -> Sequence[dict[str, str]]:
        """Return the labels of the streams that a selector chooses."""
        return [{"app": "x"}]

    def alert_rules(self) -> list[dict[str, Any]]:
        """Return the rules that the ruler has loaded."""
        return self.rules

    @property
    def app(self) -> web.Application:
        """Build a new application; one application serves in one event loop only."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/ready", _ready),
                web.get("/config", self._written_config),
                web.get("/loki/api/v1/query", self._instant),
                web.get("/loki/api/v1/query_range", self._range),
                web.get("/loki/api/v1/series", self._series),
                web.get("/prometheus/api/v1/rules", self._rules),
            ]
        )
        return app

    async def _written_config(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._config, content_type="text/plain")

    async def _instant(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        query = request.query.get("query", "")
        if query.lstrip().startswith("{"):
            return web.Response(status=400, text=_INSTANT)
        if query.count("(") != query.count(")"):
            return web.Response(status=400, text=_UNCLOSED)
        try:
            values = await self.values(query)
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        result = [{"metric": {}, "value": [time.time(), str(value)]} for value in values]
        return _success("vector", result)

    async def _range(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        since, limit = request.query.get("since", "3600s"), int(request.query.get("limit", "100"))
        try:
            lines = await self.log_lines(request.query.get("query", ""), float(since.removesuffix("s")))
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        values = [[f"{at * 1e9:.0f}", line] for at, line in lines[:limit]]
        return _success("streams", [{"stream": {"app": "x"}, "values": values}] if values else [])

    async def _series(self, request: web.Request) -> web.Response:
        found = await self.streams(request.query.get("match[]", ""))
        return web.json_response({"status": "success", "data": list(found)})

    async def _rules(self, _request: web.Request) -> web.Response:
        groups = [{"name": "logs", "file": "f", "interval": 60, "rules": self.alert_rules()}]
        return web.json_response(
            {"status": "success", "data": {"groups": groups}, "errorType": "", "error": ""}
        )


async def _ready(_request: web.Request) -> web.Response:
    return web.Response(text="ready\n")


def _success(sort: str, result: list[dict[str, Any]]) -> web.Response:
    data = {"resultType": sort, "result": result, "stats": {"summary": {"execTime": 0.001}}}
    return web.json_response({"status": "success", "data": data})
