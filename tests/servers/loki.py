"""Answers as Loki does, and as Elasticsearch does."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

INSTANT = (
    "log queries are not supported as an instant query type, please change your query to a range query type"
)


class Loki:
    """Metric queries by their text, log lines by stream; a ruler under ``/prometheus``."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[Any]] = {}
        self.lines: list[str] = []
        self.arrives_after = 0
        """Ingestion lag: so many questions find nothing before the lines are there."""
        self.rules: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []

    @property
    def app(self) -> web.Application:
        """Make an application; one serves in one event loop only."""
        app = web.Application()
        app.router.add_get("/loki/api/v1/query", self._instant)
        app.router.add_get("/loki/api/v1/query_range", self._range)
        app.router.add_get("/prometheus/api/v1/rules", self._rules)
        return app

    async def _instant(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        query = request.query["query"]
        if query.lstrip().startswith("{"):
            return web.Response(status=400, text=INSTANT)
        if query.count("(") != query.count(")"):
            return web.Response(
                status=400, text="parse error at line 1, col 5: syntax error: unexpected $end"
            )
        values = self.numbers.get(query, []) if len(self.asked) > self.arrives_after else []
        result = [{"metric": {}, "value": [time.time(), str(value)]} for value in values]
        return _success("vector", result)

    async def _range(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        now = time.time_ns()
        values = [[str(now - n * 1000), line] for n, line in enumerate(self.lines)]
        return _success("streams", [{"stream": {"app": "x"}, "values": values}] if values else [])

    async def _rules(self, _request: web.Request) -> web.Response:
        groups = [{"name": "logs", "file": "f", "interval": 60, "rules": self.rules}]
        return web.json_response(
            {"status": "success", "data": {"groups": groups}, "errorType": "", "error": ""}
        )


def _success(sort: str, result: list[dict[str, Any]]) -> web.Response:
    data = {"resultType": sort, "result": result, "stats": {"summary": {"execTime": 0.001}}}
    return web.json_response({"status": "success", "data": data})


def elasticsearch(count: int, **fields: Any) -> web.Application:
    """Answer a search as Elasticsearch does."""

    async def search(request: web.Request) -> web.Response:
        wanted = (await request.json())["query"]["bool"]["filter"][0]["query_string"]["query"]
        if "(" in wanted:
            reason = {"type": "query_shard_exception", "reason": f"Failed to parse query [{wanted}]"}
            return web.json_response({"error": reason, "status": 400}, status=400)
        source = {"@timestamp": "2026-01-01T00:00:00Z", "message": "hello password=hunter2222"}
        hits = {"total": {"value": count, "relation": "eq"}, "hits": [{"_source": source}] if count else []}
        shards = {"total": 1, "successful": 1, "failed": 0}
        return web.json_response({"timed_out": False, "_shards": shards, "hits": hits} | fields)

    app = web.Application()
    app.router.add_post("/{index}/_search", search)
    return app
