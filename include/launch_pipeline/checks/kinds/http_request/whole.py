"""Reads the further pages of a JSON answer, or says why it is not whole."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yarl import URL

from launch_pipeline.checks.clients.http import busy, send
from launch_pipeline.checks.clients.pages import joined
from launch_pipeline.checks.clients.wholeness import broken, further, next_link
from launch_pipeline.checks.kinds.http_request.reading import Read, document_of
from launch_pipeline.checks.language.paths import roots_of

if TYPE_CHECKING:
    from launch_pipeline.checks.clients.http import Answer, Request
    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.kinds.http_request.definition import HttpRequestParams

_MOST_PAGES = 20
_OK = 200
_FIX = "narrow the query, or ask for more on a page"
_TOTAL = re.compile(
    r"(?:last\.)?json(?:\.\w+)*\.(?:total_?(?:count|results|items|elements|hits|size|records)?(?:\.value)?|count|\"@odata\.count\"|incomplete_results)",
    re.IGNORECASE,
)
"""Counts that every page repeats."""
_BESIDE_JSON = re.compile(r"\blast\.(?:status|headers|text|url)\b")


def reads_json(expression: str) -> bool:
    """Return whether an expression reads the document."""
    roots = roots_of(expression)
    return bool(roots & {"json", "*"}) or reads_last_json(expression)


def reads_last_json(expression: str) -> bool:
    """Return whether an expression reads the document of the last answer, or may."""
    return "last" in roots_of(expression) and "last" in _BESIDE_JSON.sub("", expression)


async def whole_document(
    params: HttpRequestParams, ctx: CheckContext, connection: ConnectionInfo, request: Request, answer: Answer
) -> Read:
    """Return the document of an answer with those of its further pages."""
    first = await document_of(answer)
    reading = [expression for expression in params.expect if reads_json(expression)]
    if first.unknown or not reading:
        return first
    if why := _errors_not_judged(params, answer, first.value):
        return Read(unknown=why)
    if all(_TOTAL.fullmatch(expression) for expression in reading):
        return first
    if params.method != "GET" or params.samples > 1 or answer.status != _OK:
        return _or_unknown(first, further(answer.headers, first.value))
    return await _followed(ctx, connection, request, answer, first)


def _errors_not_judged(params: HttpRequestParams, answer: Answer, document: Any) -> str:
    """Return why no part of the document counts; GraphQL's errors are judged where the item reads them."""
    judged = any(re.search(r"json\.errors\b", expression) for expression in params.expect)
    seen = (
        {name: value for name, value in document.items() if name != "errors"}
        if (judged and isinstance(document, dict))
        else document
    )
    why = broken(answer.status, answer.headers, seen)
    return f"the answer is not whole: {why}" if why else ""


def _or_unknown(read: Read, why: str) -> Read:
    return Read(unknown=f"the answer is not whole: {why}; {_FIX}") if why else read


async def _followed(
    ctx: CheckContext, connection: ConnectionInfo, request: Request, answer: Answer, first: Read
) -> Read:
    """Follow ``Link: rel=next`` within the origin, and join what is there."""
    page, document, url = answer, first.value, request.url
    for _ in range(_MOST_PAGES):
        link = next_link(page.headers)
        if not link:
            return _or_unknown(Read(document), further(page.headers, document))
        url = url.join(URL(link))
        if url.origin() != request.url.origin():
            return _or_unknown(first, f"its next page is at another place ({url.host}:{url.port})")
        page = await send(ctx, connection, replace(request, url=url, query=()))
        if (wait := busy(page)) is not None:
            raise wait
        read = await document_of(page)
        why = read.unknown or broken(page.status, page.headers, read.value)
        if why or page.status != _OK:
            return _or_unknown(first, f"its next page answered {page.status}{f': {why}' if why else ''}")
        document = joined(document, read.value)
    return _or_unknown(first, f"it has more than {_MOST_PAGES} pages")
