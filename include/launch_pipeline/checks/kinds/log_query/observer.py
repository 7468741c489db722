"""Observes ``log_query``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from launch_pipeline.checks.clients import wholeness
from launch_pipeline.checks.clients.json_api import Api, mapping, records, said_by
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.log_query import control
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.log_query.definition import LogQueryParams

_LINES = 1000
_SAMPLE = 5
_LINE = 500

_EVALUATED = "a metric query does not say when its lines were written; ask for the lines to know the newest"

Facts = dict[str, Any]
Unknown = dict[str, str]
"""Facts that are not known, and why."""


async def observe(params: LogQueryParams, ctx: CheckContext) -> Observation:
    """Count the matching lines. No line is an observation: count 0, without a value.

    Unless lines are only wanted, the number is unknown where nothing shows that there were any to count.
    Raises Unreachable if the log store does not answer, Inconclusive if its answer is not complete.
    """
    api = await Api.connect(ctx, params.conn_id, timed=not _only_at_least(params))
    backends = {"loki": _loki, "elasticsearch": _elasticsearch}
    facts, unknown = await backends[params.backend](params, api)
    subject = Subject(name="lines", facts=facts, unknown={name: why for name, why in unknown.items() if why})
    return Observation(subjects=(subject,), authority=api.authority, summary=facts)


async def _loki(params: LogQueryParams, api: Api) -> tuple[Facts, Unknown]:
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
    lines = data.get("resultType") == "streams"
    window = params.window if lines else control.longest(params.query, params.window)
    doubt = "" if _only_at_least(params) else await _doubt(api, params.query, window)
    unknown = {"count": doubt, "value": doubt, "newest": "" if lines else _EVALUATED}
    return {**facts, "elapsed_ms": round(reply.elapsed_ms, 1)}, unknown


async def _doubt(api: Api, query: str, window: timedelta) -> str:
    """Ask each stream that the query selects for its newest line; return the first that leaves a doubt."""
    selectors = control.streams(query)
    newest = await together(_newest(api, selector, window) for selector in selectors)
    now = api.ctx.clock()
    return control.first(
        control.doubt(selector, at, now, window) for selector, at in zip(selectors, newest, strict=True)
    )


async def _newest(api: Api, selector: str, window: timedelta) -> datetime | None:
    query = [("query", selector), ("since", _seconds(window)), ("limit", "1"), ("direction", "backward")]
    reply = await api.get("/loki/api/v1/query_range", query)
    document = mapping(reply.document, "document of Loki's form")
    if why := wholeness.prometheus(document):
        raise Inconclusive(f"{api.authority} {why}"[:400])
    return moment(_lines(mapping(document.get("data"), "data"))["newest"])


def _only_at_least(params: LogQueryParams) -> bool:
    """Return whether lines beyond the limit could not change the verdict."""
    counts = [wanted for path, wanted in params.expect.items() if "count" in path or "value" in path]
    return all(text.lstrip().startswith(">") for wanted in counts for text in as_list(wanted))


def _seconds(window: timedelta) -> str:
    return f"{window.total_seconds():g}s"


def _number(data: dict[str, Any]) -> Facts:
    """Sum the series; without a series there is no value, since nothing was counted."""
    if data.get("resultType") not in {"vector", "scalar"}:
        message = f"the answer is a {data.get('resultType')}, not the numbers of a metric query"
        raise Inconclusive(message)
    try:
        pairs = [data["result"]] if data.get("resultType") == "scalar" else None
        pairs = pairs or [one["value"] for one in records(data.get("result"), "series")]
        values = [float(value) for _, value in pairs]
    except (KeyError, TypeError, ValueError) as error:
        message = f"the answer does not have the form of Loki's: {error}"
        raise Inconclusive(message) from error
    total = sum(values)
    return {"value": total if pairs else None, "count": total, "newest": None, "sample": []}


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


async def _elasticsearch(params: LogQueryParams, api: Api) -> tuple[Facts, Unknown]:
    """Count with a Lucene query in the connection's ``index`` (all indexes unless set)."""
    index = str(api.connection.extra.get("index") or "_all")
    recent = {"range": {"@timestamp": {"gte": f"now-{round(params.window.total_seconds())}s"}}}
    question: dict[str, Any] = {
        "size": _SAMPLE,
        "track_total_hits": True,
        "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
        "query": {"bool": {"filter": [{"query_string": {"query": params.query}}, recent]}},
    }
    if not _only_at_least(params):
        question["aggs"] = control.aggregation(params.window)
    reply = await api.post(f"/{quote(index, safe='*,-')}/_search", question)
    document = mapping(reply.document, "document of Elasticsearch's form")
    _whole(document)
    hits = mapping(document.get("hits"), "hits")
    count = _total(params, hits)
    sources = [mapping(hit.get("_source"), "source") for hit in records(hits.get("hits"), "hits")]
    sample = [str(source.get("message", source))[:_LINE] for source in sources]
    newest = sources[0].get("@timestamp") if sources else None
    facts = {"value": count, "count": count, "newest": newest, "sample": sample}
    doubt = "" if _only_at_least(params) else _doubt_of_all(params, api, document, f"index {index}")
    return {**facts, "elapsed_ms": round(reply.elapsed_ms, 1)}, {"count": doubt, "value": doubt}


def _total(params: LogQueryParams, hits: dict[str, Any]) -> Any:
    """Return the number of hits; raises Inconclusive if there may be more and that matters.

    Before version 7 it was a number (elastic.co, "Breaking changes in 7.0").
    """
    total = hits.get("total")
    if isinstance(total, int) and total >= 0:
        return total
    total = mapping(total, "total")
    if total.get("relation", "eq") != "eq" and not _only_at_least(params):
        message = f"{total.get('value')} or more lines match; the server did not count them all"
        raise Inconclusive(message)
    return total.get("value")


def _doubt_of_all(params: LogQueryParams, api: Api, document: dict[str, Any], what: str) -> str:
    found = control.of_all(document)
    if found is None:
        return ""
    count, newest = found
    at = datetime.fromtimestamp(newest, UTC) if count and newest is not None else None
    return control.doubt(what, at, api.ctx.clock(), params.window)


def _whole(document: dict[str, Any]) -> None:
    """Raise Inconclusive if not all was searched: the count would be too low."""
    mapping(document.get("_shards"), "shards")
    # Whether a lower bound of the hits is enough, the item decides.
    if why := wholeness.elasticsearch({**document, "hits": None}):
        raise Inconclusive(why, retryable=True)
