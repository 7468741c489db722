"""Elasticsearch's ``_search``, for checks that count log lines there."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web


def elasticsearch(count: int, of: int = 100, age: float = 0.0, **fields: Any) -> web.Application:
    """Build an application that finds ``count`` hits of as many documents, all of them so many seconds old.

    ``fields`` replace fields of its answer.
    """

    async def search(request: web.Request) -> web.Response:
        question = await request.json()
        wanted = question["query"]["bool"]["filter"][0]["query_string"]["query"]
        if "(" in wanted:
            reason = {"type": "query_shard_exception", "reason": f"Failed to parse query [{wanted}]"}
            return web.json_response({"error": reason, "status": 400}, status=400)
        source = {"@timestamp": "2026-01-01T00:00:00Z", "message": "hello password=hunter2222"}
        hits = {"total": {"value": count, "relation": "eq"}, "hits": [{"_source": source}] if count else []}
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        answer = {"took": 1, "timed_out": False, "_shards": shards, "hits": hits}
        if "aggs" in question:
            bounds = question["aggs"]["all"]["aggs"]["recent"]["filter"]["range"]["@timestamp"]
            seen = 0 if age < 0 and "lte" in bounds else of
            newest = {"value": (time.time() - age) * 1000 if seen else None}
            answer["aggregations"] = {
                "all": {"doc_count": of, "recent": {"doc_count": seen, "newest": newest}}
            }
        return web.json_response(answer | fields)

    app = web.Application()
    app.router.add_post("/{index}/_search", search)
    return app
