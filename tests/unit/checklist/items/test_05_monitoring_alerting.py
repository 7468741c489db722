"""Items of monitoring and alerting: what looked right and was not, and ordinary good systems."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.logs import Logs
from launch_rehearsal.product.monitoring.loki import ProductLoki
from servers.one_item import checked, over_the_web, together
from servers.samples import Samples, over_samples
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checks.verdict import CheckResult
    from servers.samples import Series

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ALERTS, LOGGING, METRICS = (f"monitoring_alerting.{name}" for name in ("alerts", "logging", "metrics"))
SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
OURS = {"namespace": "azora"}


def judged(found: tuple[Verdict, str], verdict: Verdict, said: str = "") -> None:
    assert (found[0], said in found[1]) == (verdict, True), found


# ---- alerts: what a rule reads is what Prometheus loaded ---------------------------------------------

LATENCY = "ApiLatencyHigh"
EXPORTED: list[Series] = [
    ("http_request_duration_ms_bucket", {**OURS, "le": "500"}, 9.0),
    ("http_request_duration_ms_count", OURS, 9.0),
    ("http_request_duration_ms_sum", OURS, 100.0),
    ("up", {"job": "api-gateway"}, 1.0),
]


def p95(series: str) -> str:
    return f"histogram_quantile(0.95, sum by (le) (rate({series}[5m]))) > 500"


BUCKETS = "http_request_duration_ms_bucket"
RULES: dict[str, tuple[str, Verdict, str]] = {
    "as exported": (p95(BUCKETS), P, ""),
    "of the mean": ("rate(http_request_duration_ms_sum[5m]) / rate(http_request_duration_ms_count[5m]) > 500", P, ""),
    "of a native histogram that is not exported": (p95("http_request_duration_ms"), F, "absent_series"),
    "in seconds, beside the exported milliseconds": (p95("http_request_duration_seconds_bucket"), F, "http_request_duration_seconds_bucket"),
    "of another metric that exists": ('up{job="api-gateway"} < 1', F, 'unread_series = ["http_request_duration_ms"]'),
    "of nothing": ("vector(1) > 2", F, "unread_series"),
    "with the name in a text only": ('label_replace(up, "a", "http_request_duration_ms_bucket", "b", "") < 0', F, "unread_series"),
    "with a label that is not exported": (p95('http_request_duration_ms_bucket{route="/"}'), F, "route!="),
    "with a target that is not scraped": (p95('http_request_duration_ms_bucket{job="web"}'), F, 'job="web"'),
    "with a guard that is not exported": (f"{p95(BUCKETS)} and on () launch_open == 1", F, "launch_open"),
    "with a choice, of which one side is exported": (f"{p95(BUCKETS)} or old_latency > 1", P, ""),
    "with a choice, of which the exported side is another metric": (f"{p95(BUCKETS + '{job=`x`}')} or up < 0", F, "absent_series"),
    "silenced by a metric that is there in a maintenance only": (f"{p95(BUCKETS)} unless on () maintenance", P, ""),
    "divided by a counter of errors that has not counted yet": ("rate(http_request_duration_ms_sum[5m]) / rate(slow_requests_total[5m]) > 500", P, ""),
    "by a recording rule": ("gateway:latency_ms:p95 > 500", P, ""),
    "by a recording rule of something else": ("gateway:up > 500", F, "unread_series"),
    "by a recording rule that is not loaded": ("gateway:latency_ms:p99 > 500", F, "gateway:latency_ms:p99"),
}  # fmt: skip
RECORDED = {"gateway:latency_ms:p95": p95(BUCKETS), "gateway:up": "up"}
OF_RECORDS: list[Series] = [("gateway:latency_ms:p95", {}, 31.0), ("gateway:up", {}, 1.0)]


@pytest.mark.parametrize(("query", "verdict", "said"), RULES.values(), ids=RULES.keys())
def test_series_of_an_alert_are_those_of_its_own_expression(query: str, verdict: Verdict, said: str) -> None:
    """A rule counts if everything that it reads is exported, and what it is about is among it."""
    world = Samples(
        [*EXPORTED, *OF_RECORDS], rules={LATENCY: query}, recorded=RECORDED, declared=["slow_requests_total"]
    )
    judged(over_samples(f"{ALERTS}.api_response_time_alert", world), verdict, said)


NULL = "receivers: [{name: 'null'}, {name: pager, pagerduty_configs: [{routing_key: x}]}]\n"
ROUTING: dict[str, tuple[str, Verdict]] = {
    "as after an installation of kube-prometheus-stack": (
        "route: {receiver: 'null', routes: [{receiver: 'null', matchers: ['alertname = \"Watchdog\"']}]}", F),
    "a pager for what is critical": ("route: {receiver: 'null', routes: [{receiver: pager, matchers: ['severity=\"critical\"']}]}", P),
    "the same in one text": ("route: {receiver: 'null', routes: [{receiver: pager, matchers: ['{severity=~\"critical|page\",alertname!=\"Watchdog\"}']}]}", P),
    "the same in the old form": ("route: {receiver: 'null', routes: [{receiver: pager, match: {severity: critical}, match_re: {alertname: Api.*}}]}", P),
    "a pager for another severity": ("route: {receiver: 'null', routes: [{receiver: pager, matchers: ['severity=\"page\"']}]}", F),
    "what is critical is dropped before the pager": (
        "route: {receiver: pager, routes: [{receiver: 'null', matchers: ['severity=\"critical\"']}]}", F),
    "dropped, and goes on to the pager": (
        "route: {receiver: 'null', routes: [{receiver: 'null', matchers: ['severity=\"critical\"'], continue: true}, {receiver: pager}]}", P),
    "a route by the namespace, which only the series have": ("route: {receiver: 'null', routes: [{receiver: pager, matchers: ['namespace=\"azora\"']}]}", P),
    "a receiver that the route inherits": ("route: {receiver: pager, routes: [{matchers: ['severity=\"critical\"'], group_wait: 1s}]}", P),
    "a matcher of two, one of which is not the rule's": (
        "route: {receiver: 'null', routes: [{receiver: pager, matchers: ['severity=\"page\"', 'team=\"a\"']}]}", F),
}  # fmt: skip


@pytest.mark.parametrize(("route", "verdict"), ROUTING.values(), ids=ROUTING.keys())
def test_alert_without_a_way_to_anybody_is_not_configured(route: str, verdict: Verdict) -> None:
    """An alert that ends at a receiver without integrations is silent; unknown labels may match."""
    rules = {LATENCY: p95(BUCKETS)}
    world = Samples(EXPORTED, rules=rules, routes=f"{NULL}{route}\n")
    judged(over_samples(f"{ALERTS}.api_response_time_alert", world), verdict)


def test_error_rate_alert_reads_the_label_that_is_exported() -> None:
    """``status`` beside an exported ``code`` never matches, so that the rule never fires."""
    query = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.001'
    for label, verdict in (("status", P), ("code", F)):
        world = Samples(
            [("http_requests_total", {**OURS, label: "200"}, 9.0)], rules={"ApiErrorRateHigh": query}
        )
        judged(over_samples(f"{ALERTS}.error_rate_alert", world), verdict)


@pytest.mark.parametrize(
    ("metric", "variables", "verdict"),
    [
        ("cnpg_collector_up", {}, P),
        ("pg_up", {"database_up_metric": "pg_up"}, P),
        ("pg_up", {}, F),
    ],
)
def test_database_alert_of_each_exporter(metric: str, variables: dict[str, str], verdict: Verdict) -> None:
    """CloudNativePG and postgres_exporter name it differently; a variable says which."""
    world = Samples([(metric, OURS, 1.0)], rules={"PostgresDown": f"min({metric}) < 1"})
    judged(over_samples(f"{ALERTS}.database_alert", world, **variables), verdict)


DISK, VOLUME = "node_filesystem_avail_bytes", "kubelet_volume_stats_available_bytes"
DISKS: dict[str, tuple[dict[str, str], dict[str, Any], Verdict]] = {
    "of nodes and of volumes": ({"DiskSpaceLow": f"{DISK} < 1", "KubePersistentVolumeFillingUp": f"{VOLUME} < 1"}, {}, P),
    "of nodes only": ({"DiskSpaceLow": f"{DISK} < 1"}, {}, F),
    "of nodes twice": ({"DiskSpaceLow": f"{DISK} < 1", "KubePersistentVolumeFillingUp": f"{DISK} < 1"}, {}, F),
    "one rule over both": ({"DiskSpaceLow": f"{DISK} < 1 or {VOLUME} < 1"}, {"volume_alert": "DiskSpaceLow"}, P),
    "as kube-prometheus-stack has it": (
        {"DiskSpaceLow": f"{DISK} < 1",
         "KubePersistentVolumeFillingUp": f'({VOLUME} / kubelet_volume_stats_capacity_bytes) < 0.03 and kubelet_volume_stats_used_bytes > 0 '
         'unless on (namespace, persistentvolumeclaim) kube_persistentvolumeclaim_access_mode{access_mode="ReadOnlyMany"} == 1 '
         'unless on (namespace, persistentvolumeclaim) kube_persistentvolumeclaim_labels{label_excluded_from_alerts="true"} == 1'}, {}, P),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "variables", "verdict"), DISKS.values(), ids=DISKS.keys())
def test_disks_of_nodes_are_not_the_volumes(
    rules: dict[str, str], variables: dict[str, Any], verdict: Verdict
) -> None:
    """The node exporter leaves out the volumes of pods, so that the database's disk needs a rule of its own."""
    names = (DISK, VOLUME, "kubelet_volume_stats_capacity_bytes", "kubelet_volume_stats_used_bytes")
    series: list[Series] = [(name, OURS, 9.0) for name in names]
    judged(over_samples(f"{ALERTS}.disk_space_alert", Samples(series, rules=rules), **variables), verdict)


# ---- logs --------------------------------------------------------------------------------------------


def with_logs(ref: str, logs: Logs, **variables: Any) -> tuple[Verdict, str]:
    async def ask() -> list[CheckResult]:
        async with serving(ProductLoki(logs).app) as port:
            connections = {"loki": http_connection(port, "loki")}
            return await checked(ref, connections, ("log_query",), **variables)

    return together(ask())


@pytest.mark.parametrize(("silent", "verdict"), [("", P), ("ai-routing", F)])
def test_each_service_sends_its_logs(silent: str, verdict: Verdict) -> None:
    """One line of one service does not stand for four."""
    logs = Logs()
    for name in SERVICES * 3:
        if name != silent:
            logs.write({**OURS, "app": name}, level="info")
    logs.write({**OURS, "app": "redis"}, level="info")
    judged(with_logs(f"{LOGGING}.application_logs", logs), verdict)


@pytest.mark.parametrize(("label", "verdict"), [("app", F), ("service_name", P)])
def test_services_are_known_by_the_label_of_the_agent(label: str, verdict: Verdict) -> None:
    """An agent of OpenTelemetry names the service in another label, which a variable says."""
    logs = Logs()
    for name in SERVICES:
        logs.write({**OURS, "service_name": name, "app": "x"}, level="info")
    found = with_logs(f"{LOGGING}.application_logs", logs, app_label=label)[0]
    assert (found is P) is (verdict is P)


@pytest.mark.parametrize(
    ("item", "namespace", "nonce"),
    [("log_search", "azora", "search"), ("access_logs", "ingress-nginx", "access")],
)
def test_search_does_not_find_itself(item: str, namespace: str, nonce: str) -> None:
    """Loki logs its queries, and an ingress in front of it their addresses: these lines are no request's."""
    query = f'sum(count_over_time({{namespace="{namespace}"}} |= "{nonce}-0123456789abcdef" [10m]))'
    logs = Logs()
    logs.write({"namespace": namespace, "app": "loki"}, query=query)
    judged(with_logs(f"{LOGGING}.{item}", logs), F)
    logs.write({"namespace": namespace, "app": "api-gateway"}, path=f"/?probe={nonce}-0123456789abcdef")
    judged(with_logs(f"{LOGGING}.{item}", logs), P)


ERRORS: dict[str, tuple[Any, Verdict]] = {
    "error": ("error", P), "ERROR": ("ERROR", P), "err": ("err", P), "pino": (50, P), "fatal": ("fatal", P),
    "info": ("info", F), "pino's info": (30, F), "a word around it": ("no_error", F),
}  # fmt: skip


@pytest.mark.parametrize(("level", "verdict"), ERRORS.values(), ids=ERRORS.keys())
def test_level_of_an_error_in_each_spelling(level: Any, verdict: Verdict) -> None:
    """Loggers name an error differently, pino by a number."""
    logs = Logs()
    logs.write({**OURS, "app": "ai-routing"}, level=level, message="error in a text")
    judged(with_logs(f"{LOGGING}.error_logs", logs), verdict)


@pytest.mark.parametrize(("filters", "verdict"), [({}, F), ({"error_log_filter": '| json | sev="E"'}, P)])
def test_lines_of_errors_are_found_by_another_filter(filters: dict[str, str], verdict: Verdict) -> None:
    """Logs in another form have another filter, which a variable says."""
    logs = Logs()
    logs.write({**OURS, "app": "ai-routing"}, sev="E")
    judged(with_logs(f"{LOGGING}.error_logs", logs, **filters), verdict)


@pytest.mark.parametrize(
    ("labels", "fields", "verdict"),
    [
        ({"stream": "stdout"}, {"log_type": "audit"}, P),
        ({"stream": "audit"}, {}, F),
        ({}, {"log_type": "access"}, F),
    ],
)
def test_audit_line_is_known_by_its_field(
    labels: dict[str, str], fields: dict[str, str], verdict: Verdict
) -> None:
    """Agents keep stdout or stderr in the label ``stream``, so that the line itself says what it is."""
    logs = Logs()
    logs.write({**OURS, "app": "constitutional-ai", **labels}, level="info", **fields)
    judged(with_logs(f"{LOGGING}.audit_logs", logs), verdict)


@pytest.mark.parametrize(("logged", "verdict"), [(True, P), (False, F)])
def test_access_log_shows_the_request(logged: bool, verdict: Verdict) -> None:
    """The controller's own lines are no access log: the request with the nonce is looked for."""
    seen: list[str] = []

    def answer(conn_id: str, request: web.Request) -> web.Response:
        if conn_id == "edge":
            seen.append(request.path_qs)
            return web.Response(text="<!doctype html>")
        lines = seen if logged else ["Backend successfully reloaded"]
        wanted = request.query["query"].partition('|= "')[2].partition('"')[0]
        assert 'namespace="ingress-nginx"' in request.query["query"]
        count = sum(wanted in line for line in lines)
        result = [{"metric": {}, "value": [time.time(), str(count)]}] if count else []
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    over_the_web(f"{LOGGING}.access_logs", answer, ("edge", "loki"))  # both at once: the line is there later
    assert seen == ["/?probe=access-0123456789abcdef"]
    judged(over_the_web(f"{LOGGING}.access_logs", answer, ("edge", "loki")), verdict)


RETENTION: dict[str, tuple[str, Verdict]] = {
    **{period: (f"compactor: {{retention_enabled: true}}\nlimits_config: {{retention_period: {period}}}", P)
       for period in ("30d", "31d", "4w2d", "5w", "12w", "13w", "26w", "100d", "120d", "180d", "1y", "744h")},
    **{period: (f"compactor: {{retention_enabled: true}}\nlimits_config: {{retention_period: {period}}}", F)
       for period in ("0s", "7d", "2w", "4w", "719h", "29d")},
    "off": ("compactor: {retention_enabled: false}\nlimits_config: {retention_period: 1y}", F),
    "of the table manager alone": ("compactor: {retention_enabled: true}\nlimits_config: {retention_period: 0s}\ntable_manager: {retention_period: 1y}", F),
}  # fmt: skip


@pytest.mark.parametrize(("config", "verdict"), RETENTION.values(), ids=RETENTION.keys())
def test_log_retention_is_a_duration(config: str, verdict: Verdict) -> None:
    """Loki writes 365d as 1y and 35d as 5w, and has a key of the same name elsewhere."""
    judged(over_the_web(f"{LOGGING}.log_retention", lambda *_: web.Response(text=config), ("loki",)), verdict)


# ---- metrics -----------------------------------------------------------------------------------------

NODES: list[Series] = [
    *(("kube_node_info", {"node": f"n{n}"}, 1.0) for n in range(3)),
    *(
        ("kube_pod_info", {"node": f"n{n}", "namespace": "monitoring", "pod": f"exporter-{n}"}, 1.0)
        for n in range(3)
    ),
]
OUTSIDE = {"job": "node-exporter", "instance": "bastion:9100", "device": "eth0"}
"""A machine that is no node of the cluster."""


def up(*jobs: str, **down: float) -> list[Series]:
    return [
        ("up", {**OURS, "job": job, "pod": f"{job}-{n}"}, down.get(f"x{n}", 1.0))
        for job in jobs
        for n in range(2)
    ]


def exporters(count: int, value: float = 1.0) -> list[Series]:
    return [("up", {"job": "node-exporter", **exporter(n)}, value) for n in range(count)]


def exporter(number: int) -> dict[str, str]:
    return {"instance": f"10.0.0.{number}:9100", "namespace": "monitoring", "pod": f"exporter-{number}"}


def received(count: int, value: float = 10.0, device: str = "eth0") -> list[Series]:
    labels = [{**exporter(n), "device": device} for n in range(count)]
    return [("node_network_receive_bytes_total", one, value) for one in labels]


def instances(metric: str, count: int, value: float = 1.0, namespace: str = "azora") -> list[Series]:
    return [(metric, {"namespace": namespace, "pod": f"p-{n}"}, value) for n in range(count)]


COUNTED: dict[str, tuple[str, list[Series], Verdict]] = {
    "every service": ("application_metrics", up(*SERVICES), P),
    "three services and an exporter": ("application_metrics", up(*SERVICES[:3], "redis-exporter"), F),
    "a pod that is not scraped": ("application_metrics", [*up(*SERVICES[:3]), *up("ai-routing", x1=0.0)], F),
    "services of another namespace": ("application_metrics", [(n, {**labels, "namespace": "test"}, v) for n, labels, v in up(*SERVICES)], Q),
    "every node": ("system_metrics", [*NODES, *exporters(3)], P),
    "two copies of kube-state-metrics": ("system_metrics", [*NODES, *((n, {**labels, "instance": "second"}, v) for n, labels, v in NODES), *exporters(3)], P),
    "three exporters in a cluster of five": ("system_metrics", [*NODES, *(("kube_node_info", {"node": f"m{n}"}, 1.0) for n in range(2)), *exporters(3)], F),
    "a node whose exporter is down": ("system_metrics", [*NODES, *exporters(2), ("up", {"job": "node-exporter", **exporter(2)}, 0.0)], F),
    "a machine outside the cluster as well": ("system_metrics", [*NODES, *exporters(3), ("up", OUTSIDE, 1.0)], P),
    "a machine outside the cluster instead of a node": ("system_metrics", [*NODES, *exporters(2), ("up", OUTSIDE, 1.0)], F),
    "no kube-state-metrics": ("system_metrics", exporters(3), Q),
    "three instances": ("database_metrics", instances("cnpg_collector_up", 3), P),
    "one instance left of three": ("database_metrics", instances("cnpg_collector_up", 1), F),
    "an instance that is down": ("database_metrics", [*instances("cnpg_collector_up", 2), ("cnpg_collector_up", OURS, 0.0)], F),
    "instances of other databases": ("database_metrics", [*instances("cnpg_collector_up", 1), *instances("cnpg_collector_up", 3, namespace="keycloak")], F),
    "six nodes of Redis": ("redis_metrics", instances("redis_up", 6), P),
    "a node of Redis that is not scraped": ("redis_metrics", instances("redis_up", 5), F),
    "every node receives": ("network_metrics", [*NODES, *received(3)], P),
    "one node receives": ("network_metrics", [*NODES, *received(1)], F),
    "a counter that stands still": ("network_metrics", [*NODES, *received(2), ("node_network_receive_bytes_total", {**exporter(2), "device": "eth0"}, 0.0)], F),
    "a machine outside the cluster receives": ("network_metrics", [*NODES, *received(2), ("node_network_receive_bytes_total", OUTSIDE, 10.0)], F),
    "loopback alone": ("network_metrics", [*NODES, *received(3, device="lo")], Q),
}  # fmt: skip


@pytest.mark.parametrize(("item", "series", "verdict"), COUNTED.values(), ids=COUNTED.keys())
def test_metrics_are_counted_by_what_they_are_of(
    item: str, series: Iterable[Series], verdict: Verdict
) -> None:
    """A count is tied to names or to another count, never to a number of anything."""
    judged(over_samples(f"{METRICS}.{item}", Samples(series)), verdict)


def test_single_database_is_asked_for_one_instance() -> None:
    """RDS and a single server have one instance, which a variable says."""
    world = Samples(instances("pg_up", 1))
    found = over_samples(
        f"{METRICS}.database_metrics", world, database_up_metric="pg_up", database_instances=1
    )
    judged(found, P)


KEPT: dict[str, Verdict] = {
    **dict.fromkeys(("15d", "3w", "30d", "90d", "1y", "15d or 50GiB", "2y or 1TiB", "16d16h", "26w"), P),
    **dict.fromkeys(("14d", "2w", "1d", "6h", "50GiB", "9d or 15GiB", ""), F),
}


@pytest.mark.parametrize(("retention", "verdict"), KEPT.items())
def test_metrics_retention_beside_a_limit_of_size(retention: str, verdict: Verdict) -> None:
    """Prometheus writes both limits in one text, and weeks and years where they are whole."""
    data = {"status": "success", "data": {"storageRetention": retention}}
    found = over_the_web(f"{METRICS}.metrics_retention", lambda *_: web.json_response(data), ("prometheus",))
    judged(found, verdict)
