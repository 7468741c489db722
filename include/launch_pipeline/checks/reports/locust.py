"""Locust JSON (``--json``): the statistics of a load test, one entry a request's name and method."""

from __future__ import annotations

from collections import Counter
from typing import Any

from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

_UNKNOWN = {
    "vus_max": "Locust's statistics do not say how many users ran",
    "thresholds": "Locust has no thresholds; compare its measurements",
    "failed_thresholds": "Locust has no thresholds; compare its measurements",
}


def read_locust(document: list[dict[str, Any]]) -> Parsed:
    """Read the totals of all requests."""
    requests = sum(_count(entry["num_requests"]) for entry in document)
    if not requests:
        message = "it holds no request"
        raise ValueError(message)
    times: Counter[float] = Counter()
    for entry in document:
        times.update({float(ms): int(count) for ms, count in entry["response_times"].items()})
    ends = [entry["last_request_timestamp"] for entry in document if entry.get("last_request_timestamp")]
    begins = [entry["start_time"] for entry in document if entry.get("start_time")]
    failures = sum(_count(entry["num_failures"]) for entry in document)
    timed = requests - sum(_count(entry.get("num_none_requests", 0)) for entry in document)
    measured = {
        "requests": requests,
        "error_rate": failures / requests,
        "p95_ms": _percentile(times, 0.95) if sum(times.values()) == timed else None,
        "duration_s": round(max(ends) - min(begins), 1) if ends and begins else None,
    }
    facts = {name: value for name, value in measured.items() if value is not None}
    missing = {name: "Locust's statistics do not hold it" for name in measured if name not in facts}
    return Parsed("locust", facts, generated_at=max(ends, default=None), unknown={**_UNKNOWN, **missing})


def _count(value: Any) -> int:
    read = number(value)
    if read is None or read < 0 or read != int(read):
        message = f"{str(value)[:20]!r} is no count of requests"
        raise ValueError(message)
    return int(read)


def _percentile(times: Counter[float], share: float) -> float | None:
    wanted, seen = share * sum(times.values()), 0
    for milliseconds, count in sorted(times.items()):
        seen += count
        if seen >= wanted:
            return milliseconds
    return None
