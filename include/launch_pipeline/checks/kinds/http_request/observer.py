"""Observes ``http_request``."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yarl import URL

from launch_pipeline.checks.clients.clock_skew import compares_ages, refuse_skew
from launch_pipeline.checks.clients.http import (
    Answer,
    Request,
    authority,
    busy,
    credentials,
    refused_credentials,
    send,
    shown_authority,
)
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.http_request.reading import Read, settings_of, text_of, value_of
from launch_pipeline.checks.kinds.http_request.whole import reads_last_json, whole_document
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.language.paths import roots_of
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.kinds.http_request.definition import HttpRequestParams

_EXCERPT = 1024
_UNAUTHORIZED = {401, 403}
_INVALID = "Bearer not-a-valid-token"
_LOGIN = re.compile(r"(?i)/(log[-_]?in|sign[-_]?in|sso|saml2?|oauth2?|openid-connect|sessions?/new)(/|$)")
_SHOWN_HEADERS = ("content-type", "location", "server", "retry-after", "x-cache")


@dataclass(frozen=True)
class _Asked:
    """One path with its answers."""

    name: str
    answers: list[Answer]
    failures: int
    document: Read
    settings: Read
    counts: Counter[str]
    """How many answers have each value of ``count_by``."""


async def observe(params: HttpRequestParams, ctx: CheckContext) -> Observation:
    """Request every path, ``samples`` times each.

    Raises Unreachable if the host does not answer, Inconclusive if our credentials are refused or the
    request leads to a login.
    """
    connection = await ctx.connection(params.conn_id)
    own = await _credentials(params, connection, ctx)
    requests = {target: _request(params, connection, target, own) for target in params.targets}
    if params.public:
        _refuse_private(ctx, requests.values())
    asked = await together(
        _ask(params, ctx, connection, target, request) for target, request in requests.items()
    )
    if compares_ages(params):
        for one in asked:
            refuse_skew(ctx, one.answers[-1].url, one.answers[-1].headers)
    subjects = tuple(_subject(params, one) for one in asked)
    first = next(iter(requests.values()))
    return Observation(subjects=subjects, authority=shown_authority(ctx, first.url), summary=_summary(asked))


def _refuse_private(ctx: CheckContext, requests: Iterable[Request]) -> None:
    """Raise Inconclusive if the environment leads a name elsewhere than its users are led."""
    for url in (request.url for request in requests):
        asked = (url.host or "", url.port or 0)
        if ctx.environment.address_of(*asked) != asked and not ctx.environment.rehearsal:
            message = (
                f"the environment leads {url.host}:{url.port} to {shown_authority(ctx, url)}, where its "
                "users are not led; take it out of 'addresses'"
            )
            raise Inconclusive(message)


async def _credentials(
    params: HttpRequestParams, connection: ConnectionInfo, ctx: CheckContext
) -> dict[str, str]:
    if params.auth == "none":
        return {}
    if params.auth == "invalid":
        return {"Authorization": _INVALID}
    return credentials(connection if params.auth == "connection" else await ctx.connection(params.auth))


def _request(
    params: HttpRequestParams, connection: ConnectionInfo, target: str, own: dict[str, str]
) -> Request:
    base = URL(connection.base_url)
    absolute = target.startswith(("http://", "https://"))
    url = URL(target) if absolute else URL(connection.base_url + "/" + target.lstrip("/"))
    if not url.host:
        message = f"connection '{params.conn_id}' has no host, and '{target}' names none"
        raise Inconclusive(message)
    headers, data = dict(params.headers), None
    if params.json_body is not None:
        headers = {"Content-Type": "application/json", **headers}
        data = json.dumps(params.json_body).encode()
    elif params.body is not None:
        data = params.body.encode()
    query = [(name, item) for name, value in params.query.items() for item in as_list(value)]
    same_origin = not absolute or url.origin() == base.origin()
    return Request(
        url=url,
        method=params.method,
        headers=headers,
        query=query,
        data=data,
        # Secrets go to the connection's own origin only.
        credentials=own if same_origin or params.auth == "invalid" else {},
        follow_redirects=params.follow_redirects,
    )


async def _ask(
    params: HttpRequestParams, ctx: CheckContext, connection: ConnectionInfo, target: str, request: Request
) -> _Asked:
    """Request one path; a burst takes one slot of the authority and has its own concurrency."""
    gate = asyncio.Semaphore(params.concurrency)
    problems: list[Unreachable] = []
    answers: list[Answer] = []
    counts: Counter[str] = Counter()

    async def one() -> None:
        async with gate:
            try:
                answer = await send(ctx, connection, request)
            except Unreachable as error:
                problems.append(error)
                return
        if params.count_by:
            counts[await value_of(answer, params.count_by)] += 1
        if answers:
            # Keep the last body only; a thousand of them would fill the memory.
            answers[-1] = replace(answers[-1], body=b"")
        answers.append(answer)

    async with ctx.clients.limit(authority(request.url)):
        await together(one() for _ in range(params.samples))
        if not answers:
            raise problems[0]
        _question(params, request, answers[-1])
        document = await whole_document(params, ctx, connection, request, answers[-1])
    settings = await settings_of(answers[-1]) if _reads_yaml(params) else Read()
    return _Asked(f"{params.method} {target}", answers, len(problems), document, settings, counts)


def _reads_yaml(params: HttpRequestParams) -> bool:
    return any("yaml" in roots_of(expression) for expression in params.expect)


def _question(params: HttpRequestParams, request: Request, answer: Answer) -> None:
    """Raise for a response that says nothing about the service, such as refused credentials."""
    if _LOGIN.search(URL(answer.final).path) and not _LOGIN.search(request.url.path):
        message = f"{answer.url}{request.url.path} leads to a login at {URL(answer.final).path}"
        raise Inconclusive(message[:300])
    if params.expects_status or params.samples > 1:
        return
    wait = busy(answer)
    if wait is not None:
        raise wait
    if answer.status in _UNAUTHORIZED and params.auth not in {"none", "invalid"}:
        raise refused_credentials(answer, params.conn_id if params.auth == "connection" else params.auth)


def _subject(params: HttpRequestParams, asked: _Asked) -> Subject:
    last, text = asked.answers[-1], text_of(asked.answers[-1])
    headers: dict[str, Any] = dict(last.headers)
    if len(last.cookies) > 1:
        headers["set-cookie"] = list(last.cookies)
    said = {
        "status": last.status,
        "headers": headers,
        "json": asked.document.value,
        "text": text.value,
        "url": last.final,
    }
    statuses = {str(status): n for status, n in sorted(_statuses(asked).items())}
    facts = {
        **said,
        "last": said,
        "statuses": statuses,
        "latency_ms": _latencies(asked),
        "failures": asked.failures,
        "yaml": asked.settings.value,
    }
    unknown = {
        "yaml": asked.settings.unknown,
        "json": asked.document.unknown,
        "text": text.unknown,
        **_of_many(asked, statuses),
    }
    if params.count_by:
        facts["counts"] = dict(sorted(asked.counts.items()))
    if any(map(reads_last_json, params.expect)):
        unknown["last"] = asked.document.unknown
    elif any("last.text" in expression for expression in params.expect):
        unknown["last"] = text.unknown
    return Subject(name=asked.name, facts=facts, unknown={name: why for name, why in unknown.items() if why})


def _of_many(asked: _Asked, statuses: dict[str, int]) -> dict[str, str]:
    """Return which facts one answer cannot tell of all samples."""
    silent = f"{asked.failures} requests got no answer" if asked.failures else ""
    told = ", ".join(f"{n} x {status}" for status, n in statuses.items())
    differs = f"the samples were answered differently ({told}); expect 'statuses' or 'last.status'"
    return {"latency_ms": silent, "status": differs if len(statuses) > 1 else silent}


def _statuses(asked: _Asked) -> Counter[int]:
    return Counter(answer.status for answer in asked.answers)


def _latencies(asked: _Asked) -> dict[str, float]:
    """Return percentiles by nearest rank, in milliseconds."""
    times = sorted(answer.elapsed_ms for answer in asked.answers)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(times[math.ceil(share * len(times)) - 1], 1) for name, share in ranks.items()}


def _summary(asked: list[_Asked]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for one in asked[:20]:
        last = one.answers[-1]
        summary[one.name] = {
            "statuses": {str(status): n for status, n in _statuses(one).items()},
            "latency_ms": _latencies(one),
            "failures": one.failures,
            **({"counts": dict(one.counts)} if one.counts else {}),
            "headers": {name: last.headers[name] for name in _SHOWN_HEADERS if name in last.headers},
            "excerpt": last.body[:_EXCERPT].decode("utf-8", "replace"),
        }
    return summary
