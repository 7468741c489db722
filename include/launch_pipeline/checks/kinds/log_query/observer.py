"""Observes ``log_query``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from launch_pipeline.checks.clients import wholeness
from launch_pipeline.checks.clients.json_api import Api, mapping, records, said_by
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.log_query.definition import LogQueryParams

_LINES = 1000
_SAMPLE = 5
_LINE = 500

Facts = dict[str, Any]


async def observe(params: LogQueryParams, ctx: CheckContext) -> Observation:
    """Count the matching lines. No line is an observation: count 0, without a value.

    Raises Unreachable if the log store does not answer, Inconclusive if its answer is not complete.
    """
    api = await Api.connect(ctx, params.conn_id)
    backends = {"loki": _loki, "elasticsearch": _elasticsearch}
    facts = await backends[params.backend](params, api)
    return Observation(subjects=(Subject(name="lines", facts=facts),), authority=api.authority, summary=facts)


async def _loki(params: LogQueryParams, api: Api) -> Facts:
    """Query Loki: a metric query returns a number, a log query (``{app="x"} |= "y"``) lines to count."""
    path, query = "/loki/api/v1/query", [("query", params.query)]
    if params.query.lstrip().startswith("{"):
        path = "/loki/api/v1/query_range"
        query += [("since", _seconds(params.window)), ("limit", str(_LINES)), ("direction", "backward")]
    reply = await api.get(path, query)
    document = mapping(reply.document, "document of Loki's form")
    if document.get("status") != "success":
        message = f"{api.authority} did not answer the query: {said_by(document) or 'no document'}"
        raise Inconclusive(message)
    if why := wholeness.prometheus(document):
        raise Inconclusive(f"{api.authority} {why}"[:400])
    data = mapping(document.get("data"), "data")
    facts = _lines(data) if data.get("resultType") == "streams" else _number(data)
    if data.get("resultType") == "streams" and facts["count"] >= _LINES and not _only_at_least(params):
        message = f"{_LINES} or more lines match, more than are read; count them with count_over_time"
        raise Inconclusive(message)
    return {**facts, "elapsed_ms": round(reply.elapsed_ms, 1)}


def _only_at_least(params: LogQueryParams) -> bool:
    """Return whether lines beyond the limit could not change the verdict."""
    counts = [wanted for path, wanted in params.expect.items() if "count" in path or "value" in path]
    return all(text.lstrip().startswith(">") for wanted in counts for text in as_list(wanted))


def _seconds(window: timedelta) -> str:
    return f"{window.total_seconds():g}s"


def _number(data: dict[str, Any]) -> Facts:
    """Sum the series; without a series there is no value, since nothing was counted."""
    try:
        pairs = [data["result"]] if data.get("resultType") == "scalar" else None
        pairs = pairs or [one["value"] for one in records(data.get("result"), "series")]
        values = [float(value) for _, value in pairs]
    except (KeyError, TypeError, ValueError) as error:
        message = f"the answer does not have the form of Loki's: {error}"
        raise Inconclusive(message) from error
    total = sum(values)
    newest = _moment(max(float(at) for at, _ in pairs)) if pairs else None
    return {"value": total if pairs else None, "count": total, "newest": newest, "sample": []}


def _lines(data: dict[str, Any]) -> Facts:
    streams = records(data.get("result"), "streams")
    try:
        found = [(int(entry[0]), str(entry[1])) for stream in streams for entry in stream["values"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"the answer does not have the form of Loki's: {error}"
        raise Inconclusive(message) from error
    found.sort(reverse=True)
    newest = _moment(found[0][0] / 1e9) if found else None
    sample = [line[:_LINE] for _, line in found[:_SAMPLE]]
    return {"value": len(found), "count": len(found), "newest": newest, "sample": sample}


def _moment(epoch: float) -> str | None:
    try:
        return datetime.fromtimestamp(epoch, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


async def _elasticsearch(params: LogQueryParams, api: Api) -> Facts:
    """Count with a Lucene query in the connection's ``index`` (all indexes unless set)."""
    index = quote(str(api.connection.extra.get("index") or "_all"), safe="*,-")
    recent = {"range": {"@timestamp": {"gte": f"now-{round(params.window.total_seconds())}s"}}}
    question = {
        "size": _SAMPLE,
        "track_total_hits": True,
        "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
        "query": {"bool": {"filter": [{"query_string": {"query": params.query}}, recent]}},
    }
    reply = await api.post(f"/{index}/_search", question)
    document = mapping(reply.document, "document of Elasticsearch's form")
    _whole(document)
    hits = mapping(document.get("hits"), "hits")
    count = mapping(hits.get("total"), "total").get("value")
    sources = [mapping(hit.get("_source"), "source") for hit in records(hits.get("hits"), "hits")]
    sample = [str(source.get("message", source))[:_LINE] for source in sources]
    newest = sources[0].get("@timestamp") if sources else None
    facts = {"value": count, "count": count, "newest": newest, "sample": sample}
    return {**facts, "elapsed_ms": round(reply.elapsed_ms, 1)}


def _whole(document: dict[str, Any]) -> None:
    """Raise Inconclusive if not all was searched: the count would be too low."""
    mapping(document.get("_shards"), "shards")
    if why := wholeness.elasticsearch(document):
        raise Inconclusive(why, retryable=True)
