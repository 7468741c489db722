"""Elasticsearch's ``_search``, for checks that count log lines there."""

from __future__ import annotations

from typing import Any

from aiohttp import web


def elasticsearch(count: int, **fields: Any) -> web.Application:
    """Build an application that finds ``count`` hits; ``fields`` replace fields of its answer."""

    async def search(request: web.Request) -> web.Response:
        wanted = (await request.json())["query"]["bool"]["filter"][0]["query_string"]["query"]
        if "(" in wanted:
            reason = {"type": "query_shard_exception", "reason": f"Failed to parse query [{wanted}]"}
            return web.json_response({"error": reason, "status": 400}, status=400)
        source = {"@timestamp": "2026-01-01T00:00:00Z", "message": "hello password=hunter2222"}
        hits = {"total": {"value": count, "relation": "eq"}, "hits": [{"_source": source}] if count else []}
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        return web.json_response({"took": 1, "timed_out": False, "_shards": shards, "hits": hits} | fields)

    app = web.Application()
    app.router.add_post("/{index}/_search", search)
    return app
