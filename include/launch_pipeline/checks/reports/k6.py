"""k6 JSON: the summary of a load test, with its thresholds.

``handleSummary`` data has ``{ok: true}`` of a threshold that held, and the older ``--summary-export`` a bare
``false`` (``internal/js/summary-wrapper.js`` in grafana/k6).
"""

from __future__ import annotations

from typing import Any

from launch_pipeline.checks.reports.parsed import WORST, Parsed

Object = dict[str, Any]
_COUNTED_BY_K6 = {"dropped_iterations"}
"""Counters that k6 itself keeps: of these, none is a count and not a lack of samples."""
_USERS = "the summary has no samples of vus; vus_max is what k6 reserved, and not what ran"


def read_k6(document: Object) -> Parsed:
    """Read the metrics and thresholds of a k6 summary."""
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or not _is_whole(metrics):
        # The output of --new-machine-readable-summary has no thresholds.
        message = "it holds no k6 metrics; use handleSummary or --summary-export in k6's classic format"
        raise ValueError(message)
    summary = _Summary(metrics, document.get("state") or {})
    facts, unknown = summary.measured()
    judged, open_ones = summary.judged()
    names = {"threshold_names": summary.names}
    return Parsed("k6", facts | judged | names, worst=summary.crossed[:WORST], unknown=unknown | open_ones)


def _is_whole(metrics: Object) -> bool:
    """Return whether k6's own counts are there: of requests, or without any of iterations, as for gRPC."""
    return "http_reqs" in metrics or (
        "iterations" in metrics and not any(name.startswith("http_req") for name in metrics)
    )


class _Summary:
    """The metrics of a summary, in either form."""

    def __init__(self, metrics: Object, state: Object) -> None:
        self._metrics, self._state = metrics, state
        self._values: dict[str, Object] = {name: one.get("values", one) for name, one in metrics.items()}
        states = [
            (name, f"{name}: {text}", _met(state))
            for name, one in metrics.items()
            for text, state in (one.get("thresholds") or {}).items()
        ]
        self.crossed = sorted(text for _, text, met in states if not met)
        empty = [(name, text) for name, text, met in states if met and not self._sampled(name)]
        judged = len(states) > len(empty)
        self._empty = sorted(text for name, text in empty if not (judged and self._is_counter(name)))
        self._thresholds = len(states)
        self.names = sorted(text for _, text, _ in states)
        counted, what = ("http_reqs", "request") if "http_reqs" in metrics else ("iterations", "iteration")
        if not self._values[counted].get("count"):
            message = f"it holds no {what}"
            raise ValueError(message)

    def _is_counter(self, name: str) -> bool:
        """Return whether a metric counts: one without samples is zero, as of errors that there were not.

        It is believed beside a threshold over samples (github.com/grafana/k6/issues/1346).
        """
        return set(self._values[name]) - {"thresholds"} == {"count", "rate"}

    def _sampled(self, name: str) -> bool:
        """Return whether a metric has samples; of one without, k6 judges zeros (``metrics/sink.go``).

        A rate counts its samples, and a trend may. Any other metric without samples shows zeros only.
        """
        values = self._values[name]
        if name in _COUNTED_BY_K6:
            return True
        counts = {"passes", "fails"} if "passes" in values or "fails" in values else {"count"} & set(values)
        shown = [values[key] for key in counts or set(values) - {"thresholds"} if key in values]
        return any(isinstance(value, int | float) and value != 0 for value in shown)

    def judged(self) -> tuple[Object, dict[str, str]]:
        """Return the thresholds; one over no samples is neither met nor crossed."""
        if not self._empty:
            return {"thresholds": self._thresholds, "failed_thresholds": self.crossed}, {}
        reason = f"a threshold was judged over no samples: {self._empty[0]}"
        if not self.crossed:
            return {}, dict.fromkeys(("thresholds", "failed_thresholds"), reason)
        judged = self._thresholds - len(self._empty)
        return {"thresholds": judged, "failed_thresholds": sorted(self.crossed + self._empty)}, {}

    def measured(self) -> tuple[Object, dict[str, str]]:
        """Return the measurements, and why those without samples are not known.

        A latency of zero is that of requests that were never answered.
        """
        read = {
            "vus_max": (self._one("vus", "max", "value"), _USERS),
            "requests": (self._one("http_reqs", "count"), _none_of("http_reqs")),
            "error_rate": (self._one("http_req_failed", "rate", "value"), _none_of("http_req_failed")),
            "p95_ms": (self._one("http_req_duration", "p(95)") or None, _none_of("http_req_duration")),
            "duration_s": (self._duration(), "the summary does not say how long the test ran"),
            "iterations": (self._one("iterations", "count"), _none_of("iterations")),
            "dropped_iterations": (self._one("dropped_iterations", "count") or 0, ""),
            "checks": (self._one("checks", "rate", "value"), _none_of("checks")),
        }
        facts = {name: value for name, (value, _) in read.items() if value is not None}
        return facts, {name: reason for name, (value, reason) in read.items() if value is None}

    def _one(self, name: str, *keys: str) -> float | None:
        """Return the first of these values of a metric; None if it has no samples."""
        if name not in self._metrics or not self._sampled(name):
            return None
        values = self._values[name]
        return next((values[key] for key in keys if values.get(key) is not None), None)

    def _duration(self) -> float | None:
        stated = self._state.get("testRunDurationMs")
        if stated:
            return float(stated / 1000)
        requests, rate = self._one("http_reqs", "count"), self._one("http_reqs", "rate")
        return requests / rate if requests and rate else None


def _none_of(name: str) -> str:
    return f"the summary has no samples of {name}"


def _met(state: Any) -> bool:
    """Return whether a threshold held: ``{ok: true}`` of handleSummary, while a bare true means crossed."""
    return state.get("ok") is True if isinstance(state, dict) else state is False
