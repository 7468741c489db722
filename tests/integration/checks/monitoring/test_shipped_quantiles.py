"""The shipped quantiles and load-test items, against a real Prometheus in which they are false, or true."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import monitoring as servers
from servers.checking import context, raw, run
from servers.one_item import VARIABLES, at_once, items
from servers.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.engine.context import ConnectionInfo

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
HOUR, DAY = 3600, 86400
BEGAN, ENDED = 5400, 4800
"""Seconds ago between which the load test ran."""
HISTOGRAMS = ("http_request_duration_ms", "constitutional_ai_validation_duration_ms", "knowledge_ocean_retrieval_duration_ms", "ai_routing_decision_duration_ms", "db_query_duration_ms")  # fmt: skip
COUNTERS = {
    "http_requests_total": 1.0,
    "ai_routing_cache_hits_total": 0.6,
    "ai_routing_cache_misses_total": 0.4,
}
QUANTILES = {
    name: spec for name, spec in shipped("prometheus_query").items() if "histogram_quantile" in spec.params["query"]
}  # fmt: skip

# By namespace: the share of requests that take at most 20 ms, at most 40 ms (the highest bucket of the first one,
# a second that of the others), and any time, in the load test and else; requests a second then and else; and seconds between two scrapes.
WORLDS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float, float, int]] = {
    "capped": ((0.1, 0.1, 1), (0.1, 0.1, 1), 100, 10, 60),
    "fast": ((0.9, 1, 1), (0.9, 1, 1), 100, 10, 60),
    "fast-seldom-scraped": ((0.9, 1, 1), (0.9, 1, 1), 100, 10, 120),
    "slow-then": ((0.1, 0.1, 1), (1, 1, 1), 100, 10, 60),
    "slow-now": ((1, 1, 1), (0.1, 0.1, 1), 100, 10, 60),
    "idle": ((1, 1, 1), (1, 1, 1), 0.005, 0.005, 60),
}


def lines() -> Iterator[str]:
    """Write the counters of every world: of a week for the worlds without a change, of six hours else."""
    now = int(time.time())
    for name, (loaded, idle, often, seldom, every) in WORLDS.items():
        start = 7 * DAY + HOUR if name in {"capped", "fast"} else 6 * HOUR
        ages = range(start, -1, -every if start < DAY else -240)
        tested = {age: min(max(BEGAN - age, 0), BEGAN - ENDED) for age in ages}
        labels = f'namespace="{name}",job="api-gateway",route="/a"'
        for metric in HISTOGRAMS:
            highest = [] if name == "capped" else [("1000", 1)]
            for bound, share in (("20", 0), ("40", 1), *highest, ("+Inf", 2)):
                for age, busy in tested.items():
                    value = loaded[share] * often * busy + idle[share] * seldom * (start - age - busy)
                    yield f'{metric}_bucket{{{labels},le="{bound}"}} {value:.2f} {now - age}'
        for metric, share in COUNTERS.items():
            for age, busy in tested.items():
                value = share * (often * busy + seldom * (start - age - busy))
                yield f"{metric}{{{labels}}} {value:.2f} {now - age}"


def targets() -> Iterator[str]:
    """Write which targets are scraped: all four services, or many of one service."""
    now = int(time.time())
    services = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
    pods = [("fast", name, f"{name}-{pod}", 1) for name in services for pod in (1, 2)]
    pods += [("fast", "postgres-exporter", "p", 1)]
    pods += [("idle", "api-gateway", str(pod), 1) for pod in range(4)]
    pods += [("idle", f"{name}-exporter", name, 1) for name in ("redis", "postgres", "nginx")]
    pods += [("slow-now", name, name, int(name != "ai-routing")) for name in services]
    for namespace, job, pod, up in pods:
        for age in (120, 60, 0):
            yield f'up{{namespace="{namespace}",job="{job}",pod="{pod}"}} {up} {now - age}'


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """Give a Prometheus with all of these worlds."""
    with servers.backfilled(tmp_path_factory.mktemp("shipped"), [*lines(), *targets()]) as connection:
        yield connection


def reports(folder: Path, requests: float = 60_000, **sidecar: str) -> str:
    """Write the report of a load test, and say where."""
    seconds = BEGAN - ENDED
    ended = datetime.fromtimestamp(time.time() - ENDED, UTC).isoformat()
    metrics = {"http_reqs": {"count": requests, "rate": requests / seconds}}
    (folder / "load").mkdir()
    (folder / "load" / "production.json").write_text(json.dumps({"metrics": metrics}))
    meta = {"commit": VARIABLES["release_sha"], "generated_at": ended, **sidecar}
    (folder / "load" / "production.json.meta.json").write_text(json.dumps(meta))
    return str(folder)


def asked(
    prometheus: ConnectionInfo, namespace: str, reports: str, specs: list[CheckSpec]
) -> list[CheckResult]:
    ago = datetime.fromtimestamp(time.time() - 600, UTC).isoformat()
    given = {**VARIABLES, "now": ago, "namespace": namespace, "reports": reports}
    known = with_product(given)
    return run(
        run_checks([at_once(spec) for spec in specs], context({"prometheus": prometheus}, variables=known))
    )


def item(name: str, section: str = "performance_tests") -> list[CheckSpec]:
    found = items()[f"validation_testing.{section}.{name}"].checks
    return [spec for spec in found if spec.kind == "prometheus_query"]


@pytest.mark.parametrize("name", QUANTILES)
def test_quantile_above_the_highest_bucket(prometheus: ConnectionInfo, tmp_path: Path, name: str) -> None:
    """No shipped quantile takes the bound of the highest bucket for a measurement; a real one it judges."""
    where = reports(tmp_path)
    (capped,) = asked(prometheus, "capped", where, [QUANTILES[name]])
    assert (capped.verdict, "above the highest bucket" in raw(capped)) == (Q, True), raw(capped)
    (fast,) = asked(prometheus, "fast", where, [QUANTILES[name]])
    assert fast.verdict is P, raw(fast)


LATENCIES = (
    "constitutional_validation_latency",
    "knowledge_ocean_latency",
    "ai_routing_latency",
    "database_latency",
)


@pytest.mark.parametrize("name", LATENCIES)
@pytest.mark.parametrize(
    ("world", "verdict"),
    [("fast", P), ("fast-seldom-scraped", P), ("slow-then", F), ("slow-now", P), ("idle", F), ("absent", Q)],
)
def test_latency_of_the_load_test(
    prometheus: ConnectionInfo, tmp_path: Path, name: str, world: str, verdict: Verdict
) -> None:
    """What counts is the load test: neither a good hour after it, nor a handful of requests."""
    found = asked(prometheus, world, reports(tmp_path), item(name))
    assert Verdict.of([one.verdict for one in found]) is verdict, [raw(one) for one in found]


@pytest.mark.parametrize(
    ("world", "verdict"), [("fast", P), ("fast-seldom-scraped", P), ("idle", F), ("absent", Q)]
)
def test_cache_of_the_load_test(
    prometheus: ConnectionInfo, tmp_path: Path, world: str, verdict: Verdict
) -> None:
    """Six of ten look-ups are hits, of enough of them."""
    found = asked(prometheus, world, reports(tmp_path), item("cache_hit_rate"))
    assert Verdict.of([one.verdict for one in found]) is verdict, [raw(one) for one in found]


LOADS: dict[str, tuple[str, float, dict[str, str], Verdict]] = {
    "all of it": ("fast", 60_000, {}, P),
    "all of it, scraped every two minutes": ("fast-seldom-scraped", 60_000, {}, P),
    "with a fifth that the cache of the edge answered": ("fast", 75_000, {}, P),
    "of another system": ("idle", 60_000, {}, F),
    "of five times as many requests": ("fast", 300_000, {}, F),
    "uploaded an hour later": ("fast", 60_000, {"generated_at": datetime.fromtimestamp(time.time() - 600, UTC).isoformat()}, F),
    "of another commit": ("fast", 60_000, {"commit": "beef" * 10}, Q),
}  # fmt: skip


@pytest.mark.parametrize(("world", "requests", "sidecar", "verdict"), LOADS.values(), ids=LOADS.keys())
def test_load_was_seen(
    prometheus: ConnectionInfo,
    tmp_path: Path,
    world: str,
    requests: float,
    sidecar: dict[str, str],
    verdict: Verdict,
) -> None:
    """The gateway counted the requests of the load test while it ran."""
    (found,) = asked(prometheus, world, reports(tmp_path, requests, **sidecar), item("load_1000_users"))
    assert found.verdict is verdict, raw(found)


@pytest.mark.parametrize(("world", "verdict"), [("fast", P), ("idle", F), ("slow-now", F), ("absent", Q)])
def test_metrics_of_each_service(
    prometheus: ConnectionInfo, tmp_path: Path, world: str, verdict: Verdict
) -> None:
    """Neither four pods of one service nor exporters are four services."""
    (found,) = asked(prometheus, world, str(tmp_path), item("metrics_collection", "integration_tests"))
    assert found.verdict is verdict, raw(found)
