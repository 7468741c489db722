"""k6 JSON: the summary of a load test, with its thresholds."""

from __future__ import annotations

from typing import Any

from launch_pipeline.checks.kinds.report.formats.parsed import WORST, Parsed


def read_k6(document: dict[str, Any]) -> Parsed:
    """Read the metrics and thresholds of a k6 summary."""
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or "http_reqs" not in metrics:
        # The output of --new-machine-readable-summary has no thresholds.
        message = "it holds no k6 metrics; use handleSummary or --summary-export in k6's classic format"
        raise ValueError(message)
    values = {name: metric.get("values", metric) for name, metric in metrics.items()}
    thresholds = {
        f"{name}: {text}": _met(state)
        for name, metric in metrics.items()
        for text, state in (metric.get("thresholds") or {}).items()
    }
    requests, rate = values["http_reqs"].get("count"), values["http_reqs"].get("rate")
    stated = document.get("state", {}).get("testRunDurationMs")
    failing, users = values.get("http_req_failed", {}), values.get("vus_max", {})
    facts = {
        "vus_max": users.get("max", users.get("value")),
        "requests": requests,
        "error_rate": failing.get("rate", failing.get("value")),
        "p95_ms": values.get("http_req_duration", {}).get("p(95)"),
        "duration_s": stated / 1000 if stated else (requests / rate if requests and rate else None),
        "thresholds": len(thresholds),
        "failed_thresholds": sorted(text for text, met in thresholds.items() if not met),
    }
    return Parsed("k6", facts, worst=facts["failed_thresholds"][:WORST])


def _met(state: Any) -> bool:
    """Return whether a threshold held: ``{ok: true}`` of handleSummary, while a bare true means crossed."""
    return state.get("ok") is True if isinstance(state, dict) else state is False
