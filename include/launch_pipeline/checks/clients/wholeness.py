"""Says why an answer is not whole, in each vendor's own words; a marker that says nothing is none.

An answer of which a part is missing proves neither that nothing is there nor how much there is. Each function
returns the reason, for a person, or an empty text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.page_markers import further_page

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_SAID = 200
_PARTIAL_CONTENT = 206
_HEADERS = {
    "m3-results-limited": "a limit of M3 was reached",
    "m3-returned-data-limited": "a limit of M3 was reached",
    "x-next-page": "there is a further page",
    "x-next-cursor": "there is a further page",
    "x-nomad-nexttoken": "there is a further page",
    "x-ms-continuation": "there is a further page",
    "x-ms-continuationtoken": "there is a further page",
    "next-range": "there is a further page",
    "hasmorerecords": "there is a further page",
    "x-has-more": "there is a further page",
}
"""Headers that say so unless empty or ``false``: M3, GitLab, Nomad, Azure, Heroku, Fiserv."""
_LIMITED = ("m3-results-limited", "m3-returned-data-limited")
"""M3's headers of an answer that a limit has cut short (m3db.io, "Limits"; ``src/x/headers``)."""
_COUNTS = ("x-total-count", "x-total", "x-wp-total", "total-count")
"""Headers that count the elements of all pages: Harbor, GitLab, WordPress, Rails."""
_RANGE = re.compile(r"(?:\w+\s+)?(\d+)-(\d+)/(\d+)")
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:"[^"]*"|[^";,]*))?)*)')
_PARAMETER = re.compile(r';\s*([^\s=;,]+)\s*(?:=\s*(?:"([^"]*)"|([^";,]*)))?')
_AWS_TOKENS = {
    "nexttoken", "nextpagetoken", "nextmarker", "nextpagemarker", "nextcontinuationtoken", "nextkeymarker",
    "nextuploadidmarker", "nextversionidmarker", "nextdnsname", "nexthostedzoneid", "nextrecordname",
    "nextpartnumbermarker", "nextcontinentcode", "lastevaluatedkey", "lastevaluatedtablename",
    "lastevaluatedstreamarn", "lastevaluatedbackuparn", "lastevaluatedglobaltablename",
}  # fmt: skip
"""Members of an answer that begin its next page, lower case; by botocore's models."""
_AWS_TOKENS_AT_TOP = {"marker", "paginationtoken", "position", "pagetoken", "continuationtoken"}
"""Members that also are the name of an argument or of a thing elsewhere."""
_AWS_MORE = re.compile(r"(?i)(is)?truncated|hasmore\w*")
_AWS_FAILED = re.compile(
    r"(?i)failures|failed(items|set|requests|months|resources?|accounts?|resourceids)?|errors|queryerrors"
    r"|vpcendpointerrors|unprocessed\w*|unsuccessful\w*|unavailable\w*|invalidparameters"
)
"""Lists of what was asked for and is not in the answer, such as ECS' ``failures``; by botocore's models."""
_AWS_PARTIAL = {"partialdata", "internalerror", "forbidden"}
"""CloudWatch's ``StatusCode`` of a metric whose values are not all there."""
_AWS_RESULTS = {
    ("results", "status"): "complete",
    ("ServicesLastAccessed", "JobStatus"): "completed",
    ("QueryResultRows", "QueryStatus"): "finished",
}
"""Results that are there before the query has ended, and its state at the end: Logs, IAM, CloudTrail."""
_NOT_REACHED = (
    "unreachable", "unreachables", "unreachableLocations", "missingZones", "missingLocations",
    "failedLocations",
)  # fmt: skip
"""Lists of the places that Google's lists lack."""


def prometheus(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> str:
    """Return why a result of Prometheus, Thanos, Mimir, VictoriaMetrics, M3 or Loki is not whole.

    ``warnings`` say that a store is missing (prometheus.io/docs/prometheus/latest/querying/api), ``infos`` do
    not, nor does what Prometheus 2.48 to 2.53 wrote among the warnings as ``PromQL info`` (its
    ``util/annotations``). ``isPartial`` is VictoriaMetrics' word for a storage node that did not answer.
    """
    if document.get("isPartial"):
        return "says that its answer is partial: a storage node did not answer"
    if warnings := _doubts(document.get("warnings")):
        return f"warns that its answer may be incomplete: {_said(warnings)}"
    limited = filter(None, ((headers or {}).get(name) for name in _LIMITED))
    if said := next(limited, ""):
        return f"says that its answer is limited: {said}"[:_SAID]
    return _refused_parts(document)


def _doubts(warnings: Any) -> Any:
    """Return the warnings without the hints on how a query is written."""
    if not isinstance(warnings, list):
        return warnings
    return [one for one in warnings if not str(one).startswith("PromQL info")]


def _said(words: Any) -> str:
    return "; ".join(map(str, words))[:_SAID] if isinstance(words, list) else str(words)[:_SAID]


def elasticsearch(document: Mapping[str, Any]) -> str:
    """Return why a search of Elasticsearch or OpenSearch is not whole.

    Shards that were skipped hold no match and are counted as successful (``AbstractSearchAsyncAction``); a
    remote cluster that was skipped was not searched (elastic.co, "Search across clusters").
    """
    searched = document.get("response")
    if isinstance(searched, dict) and "_shards" in searched:  # an asynchronous search
        return _unfinished(document) or elasticsearch(searched)
    return (
        _unfinished(document)
        or _shards(_mapping(document.get("_shards")))
        or _clusters(_mapping(document.get("_clusters")))
        or _lower_bound(document)
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _unfinished(document: Mapping[str, Any]) -> str:
    reasons = {
        "timed_out": "the search timed out",
        "terminated_early": "the search was ended early",
        "is_partial": "the search is partial",
        "is_running": "the search still runs",
    }
    if said := next((said for name, said in reasons.items() if document.get(name) is True), ""):
        return said
    failed = next((document[name] for name in ("error", "errors", "failed_splits") if document.get(name)), "")
    return f"the search is not complete: {failed}"[:_SAID] if failed else ""


def _shards(shards: Mapping[str, Any]) -> str:
    if not shards:
        return ""
    total, failed = _number(shards.get("total")), _number(shards.get("failed"))
    if total == 0:
        return "no index matches, so nothing was searched"
    if failed:
        return f"the search is not complete: {failed} of {total} shards failed"
    if shards.get("failures"):
        return f"the search is not complete: {shards['failures']}"[:_SAID]
    successful = _number(shards.get("successful", total))
    return f"only {successful} of {total} shards were searched" if successful < total else ""


def _clusters(clusters: Mapping[str, Any]) -> str:
    missing = {
        state: _number(clusters.get(state))
        for state in ("skipped", "partial", "failed", "running")
        if _number(clusters.get(state))
    }
    for name, one in _mapping(clusters.get("details")).items():
        said = _mapping(one)
        if said.get("status") not in {"successful", None} or said.get("timed_out"):
            return f"the cluster {name} was not searched as a whole: {said.get('status')}"[:_SAID]
    if missing:
        state, count = next(iter(missing.items()))
        return f"{count} of {_number(clusters.get('total'))} clusters: {state}"
    total, successful = clusters.get("total"), clusters.get("successful")
    if isinstance(successful, int) and successful < _number(total):
        return f"only {successful} of {total} clusters were searched"
    return ""


def _lower_bound(document: Mapping[str, Any]) -> str:
    total = _mapping(_mapping(document.get("hits")).get("total"))
    return "it counted some of the hits only" if total.get("relation") == "gte" else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def aws(answer: Mapping[str, Any]) -> str:
    """Return whether an answer of an AWS operation goes on; the markers are those of botocore's models."""
    return _aws_further(answer) or _aws_deeper(answer, top=True)


def aws_lacks(answer: Mapping[str, Any], judged: Collection[str] = ()) -> str:
    """Return what an AWS operation could not tell of all that was asked; ``judged`` are read by the item."""
    for name, value in answer.items():
        if value and name not in judged and isinstance(value, list | dict) and _AWS_FAILED.fullmatch(name):
            return f"'{name}' says what is missing: {value}"[:_SAID]
    if answer.get("partialResults") is True:
        return "its results are partial"
    return "" if "Messages" in judged else _aws_messages(answer) or _aws_unfinished(answer, judged)


def _aws_messages(answer: Mapping[str, Any]) -> str:
    """Return what CloudWatch says of a query of which only "as much as possible" was done (GetMetricData)."""
    messages = answer.get("Messages")
    said = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    return next((f"it says: {one.get('Value')}"[:_SAID] for one in said if one.get("Code")), "")


def _aws_unfinished(answer: Mapping[str, Any], judged: Collection[str]) -> str:
    for (results, state), ended in _AWS_RESULTS.items():
        here = answer.get(state)
        if results in answer and state not in judged and isinstance(here, str) and here.lower() != ended:
            return f"its query has not ended well ('{state}' is {here})"[:_SAID]
    return ""


def _aws_further(answer: Mapping[str, Any]) -> str:
    found = [
        name
        for name, value in answer.items()
        if value and isinstance(value, str) and name.lower() in _AWS_TOKENS_AT_TOP
    ]
    ended = any(value is False for name, value in answer.items() if _AWS_MORE.fullmatch(name))
    return f"there is a further page ('{found[0]}')" if found and not ended else ""


def _aws_deeper(value: Any, *, top: bool = False) -> str:
    """Look for a further page at any depth, as CloudFront's lists have it."""
    if isinstance(value, list):
        return next(filter(None, (_aws_deeper(one) for one in value)), "")
    if not isinstance(value, dict):
        return ""
    for name, inner in value.items():
        if name.lower() in _AWS_TOKENS and isinstance(inner, str | dict | int) and inner:
            return f"there is a further page ('{name}')"
        if inner is True and _AWS_MORE.fullmatch(name):
            return f"there is more of it ('{name}')"
        if name == "StatusCode" and not top and str(inner).lower() in _AWS_PARTIAL:
            return f"some of its values are missing ('{inner}')"
    return next(filter(None, (_aws_deeper(inner) for inner in value.values())), "")


def broken(status: int, headers: Mapping[str, str], document: Any) -> str:
    """Return why no part of an HTTP answer can be relied on, not even its totals."""
    if status == _PARTIAL_CONTENT and not _RANGE.fullmatch(headers.get("content-range", "").strip()):
        return "it is a part of the document (206)"
    if headers.get("x-consul-results-filtered-by-acls", "").lower() == "true":
        return "the token may not see all of it (Consul)"
    if not isinstance(document, dict):
        return ""
    return (
        _graphql(document)
        or (prometheus(document) if document.get("status") == "success" or "isPartial" in document else "")
        or (elasticsearch(document) if _is_search(document) else "")
        or _refused_parts(document)
    )


def _is_search(document: Mapping[str, Any]) -> bool:
    return bool({"_shards", "_clusters", "is_partial"} & document.keys()) or (
        "_shards" in _mapping(document.get("response"))
    )


def _graphql(document: Mapping[str, Any]) -> str:
    """Return the errors beside the data: what they are about is null (spec.graphql.org, 7.1.7)."""
    errors = document.get("errors")
    if not (isinstance(errors, list) and errors and "data" in document):
        return ""
    said = errors[0].get("message") if isinstance(errors[0], dict) else errors[0]
    return f"it has errors beside its data: {said}"[:_SAID]


def _refused_parts(document: Mapping[str, Any]) -> str:
    """Return what GitHub's search, Google's and Datadog's lists say of parts that were not looked at."""
    if document.get("incomplete_results") is True:
        return "the search was not finished ('incomplete_results')"
    for name in _NOT_REACHED:
        unreachable = document.get(name)
        if isinstance(unreachable, list) and unreachable:
            return f"some of it could not be reached: {_said(unreachable)}"[:_SAID]
    if why := _unreached_scope(document) or _datadog(document) or _nodes(_mapping(document.get("_nodes"))):
        return why
    for name in ("partial", "isPartial", "is_partial", "partialResults", "partial_results"):
        if document.get(name) is True:
            return f"it is partial ('{name}')"
    return ""


def _unreached_scope(document: Mapping[str, Any]) -> str:
    """Return the zone of Compute Engine's aggregated list that could not be asked; an empty one is none."""
    for name, scope in _mapping(document.get("items")).items():
        if _mapping(_mapping(scope).get("warning")).get("code") in {"UNREACHABLE", "PARTIAL_SUCCESS"}:
            return f"{name} could not be reached"[:_SAID]
    return ""


def _datadog(document: Mapping[str, Any]) -> str:
    """Return why Datadog's answer may be partial: its status is ``timeout``, or it has warnings."""
    meta = _mapping(document.get("meta"))
    if "data" not in document:
        return ""
    warnings = meta.get("warnings")
    said = f"it may be partial: {_said(warnings)}"[:_SAID] if isinstance(warnings, list) and warnings else ""
    return "its query timed out" if meta.get("status") == "timeout" else said


def _nodes(nodes: Mapping[str, Any]) -> str:
    failed = _number(nodes.get("failed"))
    return f"{failed} of {_number(nodes.get('total'))} nodes did not answer" if failed else ""


def further(headers: Mapping[str, str], document: Any) -> str:
    """Return that there are further pages: totals are right, lists are not whole."""
    if next_link(headers):
        return "there is a further page (Link: rel=next)"
    for name, said in _HEADERS.items():
        if headers.get(name, "").strip().lower() not in {"", "false", "0"}:
            return f"{said} ({name}: {headers[name]})"[:_SAID]
    return (
        _ranged(headers)
        or _counted(headers, document)
        or further_page(_pagination(headers))
        or further_page(document)
    )


def _pagination(headers: Mapping[str, str]) -> Any:
    """Return the JSON of ``X-Pagination``, as ASP.NET and flask-smorest write it."""
    try:
        read = json.loads(headers.get("x-pagination", ""))
    except ValueError:
        return None
    return {"pagination": read} if isinstance(read, dict) else None


def _ranged(headers: Mapping[str, str]) -> str:
    """Return whether a range of items ends before the last, as PostgREST says it."""
    match = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None or (match[1] == "0" and int(match[2]) + 1 >= int(match[3])):
        return ""
    return f"it is a part of the whole (Content-Range: {match[0]})"


def _counted(headers: Mapping[str, str], document: Any) -> str:
    for name in _COUNTS:
        total = headers.get(name, "").strip()
        if isinstance(document, list) and total.isdecimal() and int(total[:18]) > len(document):
            return f"{len(document)} of {total} are listed ({name})"
    return ""


def next_link(headers: Mapping[str, str]) -> str:
    """Return the target of ``rel=next`` (RFC 8288), as written; Sentry adds ``results="false"`` if empty."""
    for target, rest in _LINK.findall(headers.get("link", "")):
        parameters = dict(_parameters(rest))
        relations = parameters.get("rel", "").lower().split()
        if "next" in relations and parameters.get("results", "").lower() != "false":
            return str(target)
    return ""


def _parameters(rest: str) -> Iterable[tuple[str, str]]:
    # The first of several counts (RFC 8288, 3.3), so that it is written last here.
    for name, quoted, bare in reversed(_PARAMETER.findall(rest)):
        yield name.lower(), quoted or bare.strip()
