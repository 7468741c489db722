"""Observes ``prometheus_query``."""

from __future__ import annotations

from collections import defaultdict
from math import isnan
from statistics import fmean
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.promql import compared
from launch_pipeline.checks.kinds.prometheus_query.asking import Document, Series, Server, series_of
from launch_pipeline.checks.kinds.prometheus_query.coverage import STALE, THING, Coverage, Window, covered
from launch_pipeline.checks.kinds.prometheus_query.load_test import load_test, placed, told
from launch_pipeline.checks.kinds.prometheus_query.quantiles import Capped, breaks, capped, why_unknown
from launch_pipeline.checks.kinds.prometheus_query.watching import Watched, refuse_earlier, watched
from launch_pipeline.checks.language.values import is_nan
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

_SHOWN = 20

Covers = dict[tuple[str | None, ...], Coverage]
"""The coverage of a window by the series of each thing."""


async def observe(params: PrometheusQueryParams, ctx: CheckContext) -> Observation:
    """Run the query now, over the window, or at the end of a load test; one subject per series.

    Values are unknown where samples do not cover what the query looks at, unless the item compares
    ``coverage``. No series is inconclusive unless ``empty`` is ``pass``. Raises Unreachable if Prometheus
    does not answer, Inconclusive if it cannot evaluate the query.
    """
    load = await load_test(params, ctx)
    params = placed(params, load) if load else params
    server = Server(ctx, await ctx.connection(params.conn_id), params, load.end.timestamp() if load else None)
    now = server.at or ctx.clock().timestamp()
    refuse_earlier(params, now, ctx.environment.pace)
    window = _window(params, now)
    document = await server.ask(params.query, window)
    series = series_of(document)
    if not series and params.empty == "fail":
        message = "no data: the query returned no series"
        raise Inconclusive(message)
    await _refuse_nothing_compared(params, server, series, window)
    looked = await watched(params, server, now)
    if not series and looked is not None and not _judged_by_item(params) and (why := looked.cover({}).reason):
        raise Inconclusive(f"no series, which proves nothing: {why}"[:400])
    above = await capped(params, server, series, window or Window(now, now, params.step.total_seconds()))
    subjects = [_known(params, above, one, ctx.clock()) for one in _subjects(params, series, window, looked)]
    return _observation(params, document, server.authority, subjects, told(load))


def _window(params: PrometheusQueryParams, now: float) -> Window | None:
    if params.window is None:
        return None
    return Window(now - params.window.total_seconds(), now, params.step.total_seconds())


async def _refuse_nothing_compared(
    params: PrometheusQueryParams, server: Server, series: list[Series], window: Window | None
) -> None:
    """Raise Inconclusive if nothing but NaN was compared, such as a share of no requests.

    A comparison with NaN is false: it finds nothing, or 0 with ``bool``.
    """
    side = compared(params.query)
    if not side or (series and "bool" not in params.query):
        return
    values = [value for one in series_of(await server.ask(side, window)) for _, value in one.points]
    if values and all(map(isnan, values)):
        message = f"nothing was compared: {side} is not a number, as where no request was counted"
        raise Inconclusive(message[:400])


def _judged_by_item(params: PrometheusQueryParams) -> bool:
    return any("coverage" in expression for expression in params.expect)


def _subjects(
    params: PrometheusQueryParams, series: list[Series], window: Window | None, looked: Watched | None
) -> list[Subject]:
    covers = _covers(series, window) if window and params.empty == "fail" else {}
    subjects = []
    for one in series:
        seen = looked.cover(one.labels) if looked else None
        own = [cover for cover in (seen, covers.get(_thing(one))) if cover is not None]
        if params.aggregate == "last" and window and _replaced(one, window, covers):
            continue
        facts: dict[str, Any] = {
            "value": _aggregated(params, one, known=bool(covers)),
            "labels": one.labels,
            "count": len(series),
        }
        if own:
            facts["coverage"] = round(min(cover.share for cover in own), 4)
        reason = next((cover.reason for cover in own if cover.reason), "")
        unknown = dict.fromkeys(("value", "count"), reason) if reason and not _judged_by_item(params) else {}
        subjects.append(Subject(name=_name(one.labels), facts=facts, unknown=unknown))
    return subjects


def _known(params: PrometheusQueryParams, above: Capped, one: Subject, now: datetime) -> Subject:
    """Return the subject; its value is unknown if its quantile lies above the highest bucket.

    A value that breaks what the item wants is left: the quantile is at least that much.
    """
    bound = above.bound(one.facts["labels"])
    if bound is None or one.unknown or breaks(params, one.facts["value"], now):
        return one
    return one.model_copy(update={"unknown": {"value": why_unknown(bound)}})


def _thing(one: Series) -> tuple[str | None, ...]:
    return tuple(one.labels.get(label) for label in THING)


def _covers(series: list[Series], window: Window) -> Covers:
    """Return how the series of each thing cover the window together: a pod may be replaced within it.

    A moment at which the value is NaN is not covered, as at night a share of no requests.
    """
    times: dict[tuple[str | None, ...], set[float]] = defaultdict(set)
    for one in series:
        known = {at for at, value in one.points if not isnan(value)}
        times[_thing(one)] |= known or {at for at, _ in one.points}
    return {thing: covered(found, window) for thing, found in times.items()}


def _replaced(one: Series, window: Window, covers: Covers) -> bool:
    """Return whether the series ended while others of the same thing go on: its last value is not of now."""
    cover = covers.get(_thing(one))
    ended = window.end - one.newest > max(STALE, 2 * window.step)
    return ended and cover is not None and not cover.reason


def _aggregated(params: PrometheusQueryParams, series: Series, *, known: bool) -> float:
    """Return the value that counts; moments of a window at which it is NaN are holes in its coverage."""
    skips = known and params.aggregate != "last"
    values = [value for _, value in series.points if not (skips and isnan(value))]
    if any(map(is_nan, values)) or not values:
        return float("nan")
    aggregates = {"last": lambda: values[-1], "min": lambda: min(values), "max": lambda: max(values)}
    return float(aggregates.get(params.aggregate, lambda: fmean(values))())


def _observation(
    params: PrometheusQueryParams,
    document: Document,
    asked: str,
    found: list[Subject],
    said: dict[str, str],
) -> Observation:
    warnings = document.get("warnings") or []
    subjects = [one.model_copy(update={"facts": one.facts | {"warnings": warnings}}) for one in found]
    summary: dict[str, Any] = {
        "count": len(subjects),
        "values": {one.name: one.facts["value"] for one in subjects[:_SHOWN]},
        "warnings": warnings,
        **said,
    }
    covers = [one.facts["coverage"] for one in subjects if "coverage" in one.facts]
    if covers:
        summary["coverage"] = min(covers)
    may_be_empty = params.empty == "pass"
    return Observation(subjects=tuple(subjects), authority=asked, may_be_empty=may_be_empty, summary=summary)


def _name(labels: dict[str, str]) -> str:
    inner = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{{{inner}}}" if inner else "query"
