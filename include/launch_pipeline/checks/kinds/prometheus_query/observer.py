"""Observes ``prometheus_query``."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from yarl import URL

from launch_pipeline.checks.clients import wholeness
from launch_pipeline.checks.clients.clock_skew import refuse_skew
from launch_pipeline.checks.clients.http import (
    Answer,
    Request,
    authority,
    busy,
    credentials,
    refused_credentials,
    send,
)
from launch_pipeline.checks.language.values import is_nan
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from datetime import timedelta

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

_SHOWN = 20
_STALE = 300.0
"""Age in seconds at which the last sample of a window is stale."""

Points = list[tuple[float, float]]
"""Times (epoch, s) and values."""


async def observe(params: PrometheusQueryParams, ctx: CheckContext) -> Observation:
    """Run the query now, or over the window; one subject per series.

    No series is inconclusive unless ``empty`` is ``pass``. Raises Unreachable if Prometheus does not
    answer, Inconclusive if it cannot evaluate the query.
    """
    connection = await ctx.connection(params.conn_id)
    now = ctx.clock().timestamp()
    url = URL(connection.base_url + "/api/v1/" + ("query_range" if params.window else "query"))
    request = Request(
        url=url,
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        data=urlencode(_form(params, now)).encode(),
        credentials=credentials(connection),
    )
    async with ctx.clients.limit(authority(url)):
        answer = await _sent(ctx, connection, request)
    document = await _document(answer, params.conn_id)
    if params.window is not None:  # otherwise the server's own time counts
        refuse_skew(ctx, answer.url, answer.headers)
    return _observation(params, document, authority(url), now)


async def _sent(ctx: CheckContext, connection: Any, request: Request) -> Answer:
    try:
        return await send(ctx, connection, request)
    except Unreachable as error:
        # POST is used because queries may be long; a retry is safe.
        raise Unreachable(error.reason, retryable=True) from error


def _form(params: PrometheusQueryParams, now: float) -> dict[str, str]:
    form = {"query": params.query, "timeout": _seconds(params.timeout)}
    if params.window is None:
        return form
    return form | {
        "start": f"{now - params.window.total_seconds():.3f}",
        "end": f"{now:.3f}",
        "step": _seconds(params.step),
    }


def _seconds(value: timedelta) -> str:
    """Format a duration in seconds without a unit: Prometheus refuses ``0.5s``."""
    return f"{value.total_seconds():.3f}"


async def _document(answer: Answer, conn_id: str) -> dict[str, Any]:
    if answer.status in {401, 403}:
        raise refused_credentials(answer, conn_id)
    wait = busy(answer)
    if wait is not None:
        raise wait
    document = await answer.json()
    if isinstance(document, dict) and document.get("status") == "success" and _has_data(document):
        return document
    said = document.get("error", "") if isinstance(document, dict) else ""
    message = f"{answer.url} could not evaluate the query (status {answer.status}): {said or 'no document'}"
    if answer.status >= 500 and not said:  # noqa: PLR2004
        raise Unreachable(message[:400], retryable=True)
    raise Inconclusive(message[:400])


def _has_data(document: dict[str, Any]) -> bool:
    data = document.get("data")
    return isinstance(data, dict) and isinstance(data.get("result"), list)


def _observation(
    params: PrometheusQueryParams, document: dict[str, Any], asked: str, now: float
) -> Observation:
    _whole(params, document, asked)
    series = _series(document["data"])
    if not series and params.empty == "fail":
        message = "no data: the query returned no series"
        raise Inconclusive(message)
    subjects = []
    for labels, points in series:
        facts = {"value": _aggregated(params, points, now), "labels": labels}
        common = {"count": len(series), "warnings": document.get("warnings") or []}
        subjects.append(Subject(name=_name(labels), facts=facts | common))
    summary = {
        "count": len(series),
        "values": {s.name: s.facts["value"] for s in subjects[:_SHOWN]},
        "warnings": document.get("warnings") or [],
    }
    may_be_empty = params.empty == "pass"
    return Observation(subjects=tuple(subjects), authority=asked, may_be_empty=may_be_empty, summary=summary)


def _whole(params: PrometheusQueryParams, document: dict[str, Any], asked: str) -> None:
    """Raise Inconclusive for an answer that is not whole: a store behind the server may be missing in it."""
    judged = any("warnings" in expression for expression in params.expect)
    why = wholeness.prometheus({**document, "warnings": None} if judged else document)
    if why:
        raise Inconclusive(f"{asked} {why}"[:400])


def _series(data: dict[str, Any]) -> list[tuple[dict[str, str], Points]]:
    """Parse a scalar, a vector or a matrix; values are strings, such as NaN and +Inf."""
    try:
        if data.get("resultType") in {"scalar", "string"}:
            return [({}, [_point(data["result"])])]
        return [(one["metric"], _points(one)) for one in data["result"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"the answer does not have the form of Prometheus': {error}"
        raise Inconclusive(message) from error


def _points(one: dict[str, Any]) -> Points:
    if "histogram" in one or "histograms" in one:
        message = "the query returns a histogram; take a quantile of it"
        raise Inconclusive(message)
    return [_point(pair) for pair in (one["values"] if "values" in one else [one["value"]])]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _aggregated(params: PrometheusQueryParams, points: Points, now: float) -> float:
    values = [value for _, value in points]
    newest = max(at for at, _ in points) if points else 0.0
    if params.window is not None and now - newest > max(_STALE, 2 * params.step.total_seconds()):
        message = f"no data: the newest sample is {now - newest:.0f} s old"
        raise Inconclusive(message)
    if any(map(is_nan, values)):
        return float("nan")
    aggregates = {"last": lambda: values[-1], "min": lambda: min(values), "max": lambda: max(values)}
    return float(aggregates.get(params.aggregate, lambda: fmean(values))())


def _name(labels: dict[str, str]) -> str:
    inner = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{{{inner}}}" if inner else "query"
