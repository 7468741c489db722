"""Finds quantiles that a histogram cannot tell, since they lie above its highest bucket.

``histogram_quantile`` gives the bound of the highest finite bucket for a quantile in the bucket ``+Inf``
(``BucketQuantile`` in prometheus/prometheus, ``promql/quantile.go``): with buckets up to 300 ms, a p95 of
20 s is 300. So the buckets are asked for as well, at the same moments.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.promql import Call, calls, read
from launch_pipeline.checks.kinds.prometheus_query.coverage import Window
from launch_pipeline.checks.language.comparisons import compare, parse_comparison
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.language.values import number
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from launch_pipeline.checks.kinds.prometheus_query.asking import Document, Series, Server
    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

_STEPS = 360
_SHORTEST_STEP = 30.0
Group = frozenset[tuple[str, str]]
"""The labels of a histogram."""
Buckets = dict[float, float]
"""How much was counted up to each bound."""


@dataclass(frozen=True)
class Capped:
    """The highest bounds of the histograms whose quantile lies above them, and the other histograms."""

    bounds: Mapping[Group, float]
    others: frozenset[Group]

    def bound(self, labels: Mapping[str, str]) -> float | None:
        """Return the bound that a series of the result was made of; None if it was made of others."""
        group = frozenset(labels.items())
        if group in self.bounds:
            return self.bounds[group]
        return None if group in self.others or not self.bounds else max(self.bounds.values())


async def capped(
    params: PrometheusQueryParams, server: Server, series: list[Series], window: Window
) -> Capped:
    """Ask for the buckets of each quantile of the query, at the moments that it looks at.

    Raises Inconclusive if the query found nothing, and such a quantile was compared.
    """
    bounds: dict[Group, float] = {}
    seen: set[Group] = set()
    for call in calls(params.query, "histogram_quantile"):
        share = number(call.arguments[0])
        document = await server.ask(call.arguments[-1], _stretch(params, call, series, window))
        for group, buckets in histograms_of(document):
            seen.add(group)
            if is_above(1.0 if share is None else share, buckets):
                bounds[group] = max(bound for bound in buckets if not math.isinf(bound))
    if bounds and not series:
        message = f"nothing found, which proves nothing: {why_unknown(max(bounds.values()))}"
        raise Inconclusive(message)
    return Capped(bounds, frozenset(seen - bounds.keys()))


def why_unknown(bound: float) -> str:
    """Return why a quantile is not known."""
    return f"the quantile lies above the highest bucket of its histogram ({bound:g}); add higher buckets"


def _stretch(params: PrometheusQueryParams, call: Call, series: list[Series], window: Window) -> Window:
    """Return the moments at which the buckets count.

    A query of now is answered at a moment of the server's. A subquery around the quantile looks back further
    than the buckets themselves do.
    """
    moments = [at for one in series for at, _ in one.points]
    end = max(moments) if moments and not params.window else window.end
    whole, own = read(params.query).looks, read(call.arguments[-1]).looks
    back = max(look.back for look in whole) - max(look.back for look in own) if whole and own else 0.0
    span = window.span + max(back, 0.0)
    return Window(end - span, end, window.step if params.window else max(span / _STEPS, _SHORTEST_STEP))


def is_above(share: float, buckets: Buckets) -> bool:
    """Return whether the rank of a quantile lies in the bucket ``+Inf``."""
    finite = [bound for bound in buckets if not math.isinf(bound)]
    total = buckets.get(math.inf, 0.0)
    return bool(finite) and total > 0 and share * total > buckets[max(finite)]


def histograms_of(document: Document) -> Iterator[tuple[Group, Buckets]]:
    """Yield each histogram at each moment: of buckets in series of their own, or of a native one."""
    classic: dict[tuple[Group, float], Buckets] = defaultdict(dict)
    try:
        for one in document["data"]["result"]:
            labels = {name: text for name, text in one["metric"].items() if name not in {"le", "__name__"}}
            group = frozenset(labels.items())
            for _, histogram in one.get("histograms") or filter(None, [one.get("histogram")]):
                yield group, _native(histogram)
            for at, value in one.get("values") or filter(None, [one.get("value")]):
                if "le" in one["metric"]:
                    classic[group, float(at)][float(one["metric"]["le"])] = float(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"the buckets of a quantile do not have the form of Prometheus': {error}"
        raise Inconclusive(message) from error
    yield from ((group, buckets) for (group, _), buckets in classic.items())


def _native(histogram: Mapping[str, Any]) -> Buckets:
    """Return the buckets of a native histogram: each as its rule, its bounds and its own count."""
    found, seen = Buckets(), 0.0
    for _, _, upper, count in histogram.get("buckets") or []:
        seen += float(count)
        found[float(upper)] = seen
    return found | {math.inf: float(histogram["count"])}


def breaks(params: PrometheusQueryParams, value: float, now: datetime) -> bool:
    """Return whether at least this much cannot meet what the item wants, which is less."""
    wanted = [text for text in as_list(params.expect.get("value", [])) if text.lstrip().startswith("<")]
    return any(not compare(parse_comparison(text), value, now).holds for text in wanted)
