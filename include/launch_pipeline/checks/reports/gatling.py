"""Gatling JSON: the statistics of a load test (``js/global_stats.json`` and ``js/stats.json``).

Gatling's assertions are in ``js/assertions.xml``, which is JUnit XML.
"""

from __future__ import annotations

from typing import Any

from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import Parsed

Object = dict[str, Any]
_PERCENTILES = ("percentiles1", "percentiles2", "percentiles3", "percentiles4")
_UNKNOWN = {
    "vus_max": "Gatling's statistics do not say how many users ran",
    "thresholds": "Gatling's statistics hold no assertions; read js/assertions.xml as format junit",
    "failed_thresholds": "Gatling's statistics hold no assertions; read js/assertions.xml as format junit",
    "p95_ms": "Gatling's statistics do not say which percentiles they hold; compare percentiles3_ms, "
    "the 95th unless gatling.conf says otherwise",
}


def read_gatling(document: Object) -> Parsed:
    """Read the totals of all requests; ``stats.json`` has them below ``stats``."""
    if document.get("type") == "REQUEST":
        message = (
            f"it is about the request '{str(document.get('name'))[:80]}' alone; use js/stats.json as it is"
        )
        raise ValueError(message)
    stats = document.get("stats", document)
    counts = stats["numberOfRequests"]
    requests, failed = _count(counts["total"]), _count(counts["ko"])
    if not requests or _count(counts["ok"]) + failed != requests:
        message = "it holds no request" if not requests else "its requests do not add up"
        raise ValueError(message)
    rate = number((stats.get("meanNumberOfRequestsPerSecond") or {}).get("total"))
    measured = {
        "requests": requests,
        "error_rate": failed / requests,
        "duration_s": requests / rate if rate else None,
        **{f"{name}_ms": number((stats.get(name) or {}).get("total")) for name in _PERCENTILES},
    }
    facts = {name: value for name, value in measured.items() if value is not None}
    missing = {name: "Gatling's statistics do not hold it" for name in measured if name not in facts}
    return Parsed("gatling", facts, unknown={**_UNKNOWN, **missing})


def _count(value: Any) -> float:
    """Read a count, which some releases write as text, and a dash for none."""
    read = 0 if value == "-" else number(value)
    if read is None or read < 0:
        message = f"{str(value)[:20]!r} is no count of requests"
        raise ValueError(message)
    return read
