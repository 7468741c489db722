"""Week 2: what each item must not pass by, and the ordinary good systems that it must accept."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import evaluate
from launch_rehearsal.vendors.loki import Loki
from servers.checking import context, run
from servers.kubernetes_api import KubernetesApi, rolled_out
from servers.kubernetes_api import connection as cluster_connection
from servers.shipped import shipped
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.verdict import CheckResult

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
NONCE = "0123456789abcdef"
VARIABLES = with_product({"namespace": "azora", "domain": "shop.test", "run_nonce": NONCE})
OBJECTS = shipped("kubernetes_resource", **VARIABLES)
REQUESTS = shipped("http_request", **VARIABLES)
Object = dict[str, Any]


def of(check: str, checks: Mapping[str, CheckSpec]) -> CheckSpec:
    return checks[f"infrastructure_setup.{check}"]


def seen(check: str, kind: str, *objects: Object, version: str) -> CheckResult:
    """Run one shipped check against a cluster with these objects."""

    async def ask() -> CheckResult:
        api = KubernetesApi()
        for one in objects:
            fields = {name: value for name, value in one.items() if name not in {"name", "namespace"}}
            api.add(version, kind, one["name"], one.get("namespace", "azora"), **fields)
        async with serving(api.app) as port:
            ctx = context({"kubernetes": cluster_connection(port)}, variables=VARIABLES)
            return (await run_checks([of(check, OBJECTS)], ctx))[0]

    return run(ask())


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def conditions(hours: float = 8, **states: str) -> list[Object]:
    changed = ago(hours)
    return [{"type": name, "status": state, "lastTransitionTime": changed} for name, state in states.items()]


def cluster(ready: int = 3, nodes: int | None = 3, **states: str) -> Object:
    told = conditions(**{"Ready": "True", "LastBackupSucceeded": "True", **states})
    topology = {} if nodes is None else {"topology": {"successfullyExtracted": True, "nodesUsed": nodes}}
    status = {"phase": "Cluster in healthy state", "readyInstances": ready, "conditions": told, **topology}
    return {"name": "azora-postgres", "spec": {"instances": 3}, "status": status}


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        pytest.param(cluster(), P, id="three nodes"),
        pytest.param(cluster(nodes=2), P, id="two nodes"),
        pytest.param(cluster(5, 3), P, id="five instances"),
        pytest.param(cluster(nodes=1), F, id="all on one node"),
        pytest.param(cluster(2), F, id="one instance is not ready"),
        pytest.param(cluster(Ready="False"), F, id="not ready"),
    ],
)
def test_database_cluster(one: Object, verdict: Verdict) -> None:
    """Three ready instances on one node are lost together."""
    result = seen("postgresql_ha.0", "Cluster", one, version="postgresql.cnpg.io/v1")
    assert result.verdict is verdict, result.headline


def backed_up(hours: float) -> Object:
    one = cluster()
    one["status"]["conditions"] = conditions(hours, Ready="True", LastBackupSucceeded="True")
    return one


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        pytest.param(cluster(), P, id="whole"),
        pytest.param(backed_up(24.5), P, id="yesterday's, some minutes before today's begins"),
        pytest.param(cluster(LastBackupSucceeded="False"), F, id="failed"),
        pytest.param(backed_up(170), F, id="the next ones wait for ever, as pending"),
    ],
)
def test_last_backup(one: Object, verdict: Verdict) -> None:
    """A schedule that fires is no backup; one that failed, still runs or never began is none."""
    result = seen("automated_backups.2", "Cluster", one, version="postgresql.cnpg.io/v1")
    assert result.verdict is verdict, result.headline


def test_no_backup_yet() -> None:
    """A cluster that was never backed up does not pass."""
    one = cluster()
    one["status"]["conditions"] = conditions(Ready="True")
    assert seen("automated_backups.2", "Cluster", one, version="postgresql.cnpg.io/v1").verdict is not P


def controller(*containers: Object) -> Object:
    pod = {"restartPolicy": "Always", "containers": list(containers)}
    spec = {"replicas": 2, "template": {"spec": pod}}
    return {
        "name": "ingress-nginx-controller",
        "namespace": "ingress-nginx",
        "spec": spec,
        "status": rolled_out(),
    }


PROBED, PLAIN = (
    {"name": "controller", "readinessProbe": {"httpGet": {"path": "/healthz"}}},
    {"name": "sidecar"},
)


@pytest.mark.parametrize(
    ("containers", "verdict"),
    [((PROBED,), P), ((PLAIN, PROBED), P), ((PLAIN,), F)],
    ids=["one", "a sidecar", "none"],
)
def test_readiness_of_the_controller(containers: tuple[Object, ...], verdict: Verdict) -> None:
    """One readiness probe takes the pod out; a sidecar needs none."""
    result = seen("lb_health_checks.1", "Deployment", controller(*containers), version="apps/v1")
    assert result.verdict is verdict, result.headline


def ingress(name: str, affinity: str = "") -> Object:
    notes = {"nginx.ingress.kubernetes.io/affinity": affinity} if affinity else {"x": "y"}
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}
    return {"name": name, "metadata": {"annotations": notes}, "spec": {"rules": []}, "status": status}


def test_another_ingress_may_have_no_affinity() -> None:
    """The product's Ingress is meant, not each that is in the namespace; and no other stands in for it."""
    version = "networking.k8s.io/v1"
    good = seen(
        "lb_session_persistence.0", "Ingress", ingress("azora", "cookie"), ingress("docs"), version=version
    )
    bad = seen(
        "lb_session_persistence.0", "Ingress", ingress("azora"), ingress("docs", "cookie"), version=version
    )
    assert (good.verdict, bad.verdict) == (P, F)


def policy(name: str, selector: Object, ingress: Any = None, sorts: tuple[str, ...] = ("Ingress",)) -> Object:
    spec = {"podSelector": selector, "policyTypes": list(sorts)} | (
        {} if ingress is None else {"ingress": ingress}
    )
    return {"name": name, "spec": spec}


FROM_INGRESS = [
    {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress-nginx"}}}], "ports": [{"port": 8080}]}
]
ALLOWED = [
    policy(f"allow-{name}", {"matchLabels": {"app": name}}, FROM_INGRESS) for name in VARIABLES["services"]
]
BY_EXPRESSION = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["api-gateway"]}]}
DENY = policy("default-deny-all", {})
POLICIES: dict[str, tuple[str, list[Object], Verdict]] = {
    "into every pod": ("0", [DENY], P),
    "both ways": ("0", [policy("default-deny-all", {}, sorts=("Ingress", "Egress"))], P),
    "an empty list of rules": ("0", [policy("default-deny-all", {}, [])], P),
    "out of pods only": ("0", [policy("default-deny-all", {}, sorts=("Egress",))], F),
    "of some pods": ("0", [policy("default-deny-all", {"matchLabels": {"app": "x"}})], F),
    "that allows everything": ("0", [policy("default-deny-all", {}, [{}])], F),
    "none": ("0", [], F),
    "each service": ("1", ALLOWED, P),
    "a port for all": ("1", [policy("allow-api-gateway", BY_EXPRESSION, [{"ports": [{"port": 8080}]}]), *ALLOWED[1:]], P),
    "one is missing, another is there": ("1", [DENY, *ALLOWED[1:], policy("allow-x", {"matchLabels": {"app": "x"}}, FROM_INGRESS)], F),
    "one allows nothing": ("1", [policy("allow-api-gateway", {"matchLabels": {"app": "api-gateway"}}), *ALLOWED[1:]], F),
    "one is for every pod": ("1", [policy("allow-api-gateway", {}, FROM_INGRESS), *ALLOWED[1:]], F),
    "scrapes of every pod": ("2", [DENY, *ALLOWED, policy("scrape", {}, FROM_INGRESS)], P),
    "names for every pod": ("2", [DENY, policy("dns", {}, sorts=("Egress",))], P),
    "a port of the gateway for all": ("2", [DENY, policy("allow-api-gateway", BY_EXPRESSION, [{"ports": [{"port": 8080}]}])], P),
    "everything beside the deny": ("2", [DENY, policy("debug", {}, [{}])], F),
    "everything from an empty list": ("2", [DENY, policy("debug", {}, [{"from": []}])], F),
    "a namespace for every pod": ("2", [DENY, policy("scrape", {}, [{"from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}, "podSelector": {}}]}])], P),
    "their own namespace for every pod": ("2", [DENY, policy("inside", {}, [{"from": [{"podSelector": {}}]}])], P),
    "one app of any namespace": ("2", [DENY, policy("scrape", {}, [{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "prometheus"}}}]}])], P),
    "every namespace": ("2", [DENY, policy("debug", {}, [{"from": [{"namespaceSelector": {}}]}])], F),
    "every pod of every namespace": ("2", [DENY, policy("debug", {}, [{"from": [{"namespaceSelector": {}, "podSelector": {}}]}])], F),
    "everything by IPv6 address": ("2", [DENY, policy("debug", {}, [{"from": [{"ipBlock": {"cidr": "::/0"}}]}])], F),
    "everything by address": ("2", [DENY, policy("debug", {}, [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])], F),
}  # fmt: skip


@pytest.mark.parametrize(("check", "objects", "verdict"), POLICIES.values(), ids=POLICIES.keys())
def test_network_policies(check: str, objects: list[Object], verdict: Verdict) -> None:
    """All is denied, each service allows its own, and nothing undoes it."""
    result = seen(f"network_policies.{check}", "NetworkPolicy", *objects, version="networking.k8s.io/v1")
    assert result.verdict is verdict, result.headline


def probe(hours: float, *, suspended: bool = False) -> Object:
    return {
        "name": "network-policy-probe",
        "spec": {"suspend": suspended},
        "status": {"lastSuccessfulTime": ago(hours)},
    }


def test_policies_are_enforced() -> None:
    """Where nothing enforces the policies, the probe is not refused, and its success grows old."""
    tried = [
        probe(0.5),
        probe(3),
        probe(0.5, suspended=True),
        {"name": "network-policy-probe", "spec": {}, "status": {}},
    ]
    found = [seen("network_policies.3", "CronJob", one, version="batch/v1").verdict for one in tried]
    assert found[:3] == [P, F, F]
    assert found[3] is not P


def answered(check: str, handler: Any) -> CheckResult:
    """Run one shipped request against an edge that answers by the handler."""

    async def serve(request: web.Request) -> web.Response:
        answer: web.Response = handler(request)
        return answer

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        async with serving(app) as port:
            addresses = {"shop.test:80": f"127.0.0.1:{port}"}
            ctx = context({"edge": http_connection(port, "edge")}, variables=VARIABLES, addresses=addresses)
            return (await run_checks([of(check, REQUESTS)], ctx))[0]

    return run(ask())


REDIRECTS = {
    (301, "https://shop.test/"): P, (308, "https://shop.test"): P, (308, "https://www.shop.test/"): P,
    (301, "https://shop.test:443/"): P, (301, "HTTPS://SHOP.TEST/"): P,
    (302, "https://shop.test/"): F, (301, "http://www.shop.test/"): F, (301, "https://evil.test/"): F,
    (301, "https://shop.test.evil.test/"): F, (301, "https://evil.test/https://shop.test/"): F,
    (301, "https://evil.test#.shop.test/"): F, (301, "https://u@evil.test/"): F, (200, ""): F,
}  # fmt: skip


@pytest.mark.parametrize(("answer", "verdict"), REDIRECTS.items(), ids=map(str, REDIRECTS))
def test_redirect_to_https(answer: tuple[int, str], verdict: Verdict) -> None:
    """Plain HTTP leads to HTTPS of the same domain, for good."""
    status, place = answer
    result = answered(
        "tls_termination.1",
        lambda _: web.Response(status=status, headers={"Location": place} if place else {}),
    )
    assert result.verdict is verdict, result.headline


HEADERS = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
SOURCES = {
    "default-src 'self'": P, "default-src 'none'; frame-ancestors 'none'": P, "frame-ancestors 'none'": P,
    "default-src 'self' https://cdn.shop.test data:; script-src 'nonce-r4nd0m'": P,
    "default-src https://*.shop.test": P, "object-src 'none'; Default-Src 'self'": P,
    "default-src 'self'; img-src *": P,
    "default-src *": F, "default-src 'self' *": F, "default-src https:": F, "default-src * 'unsafe-inline'": F,
    "default-src 'self'; frame-ancestors *": F, "script-src 'self'": F, "x-default-src 'self'": F, "": F,
    "default-src https://*": F,
}  # fmt: skip


@pytest.mark.parametrize(("sources", "verdict"), SOURCES.items())
def test_content_security_policy(sources: str, verdict: Verdict) -> None:
    """A policy that allows every source is none."""
    policy = {"Content-Security-Policy": sources} if sources else {}
    result = answered("lb_security_headers.0", lambda _: web.Response(headers={**HEADERS, **policy}))
    assert result.verdict is verdict, result.headline


CACHES = {
    "Hit from cloudfront": P, "RefreshHit from cloudfront": P, "MISS, HIT": P, "TCP_HIT": P,
    "Miss from cloudfront": F, "Error from cloudfront": F, "MISS": F,
}  # fmt: skip


@pytest.mark.parametrize(("said", "verdict"), CACHES.items())
def test_cache(said: str, verdict: Verdict) -> None:
    """The last of three answers comes from a cache, as the cache says."""
    result = answered("cdn.0", lambda _: web.Response(headers={"X-Cache": said}))
    assert result.verdict is verdict, result.headline


@pytest.mark.parametrize("status", [200, 404, 429])
def test_any_answer_of_the_load_balancer_makes_a_log_line(status: int) -> None:
    """Before the services are deployed the load balancer answers what it likes."""
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response(status=status)

    assert answered("log_aggregation.0", answer).verdict is P
    assert asked == [f"/?launch-check={NONCE}"]


def test_log_store_without_this_line() -> None:
    """Lines of other requests are no proof that lines arrive now."""
    check = of("log_aggregation.1", shipped("log_query", **VARIABLES))
    here = check.model_copy(update={"params": {**check.params, "wait": "0s"}})
    query = f'sum(count_over_time({{namespace="ingress-nginx"}} |= "launch-check={NONCE}" [15m]))'

    async def ask(numbers: dict[str, list[Any]]) -> CheckResult:
        loki = Loki()
        loki.numbers, loki.lines = numbers, ["GET /?launch-check=another"]
        async with serving(loki.app) as port:
            return (
                await run_checks(
                    [here], context({"loki": http_connection(port, "loki")}, variables=VARIABLES)
                )
            )[0]

    assert run(ask({query: [1]})).verdict is P
    assert run(ask({})).verdict is F


def scraped(up: Mapping[tuple[str, str], float]) -> list[float]:
    """Evaluate both queries of ``metrics_collection`` on targets by job and instance."""
    store = Store()
    store.gauges(lambda: [(labels_of("up", {"job": job, "instance": one}), up[job, one]) for job, one in up])
    store.sample(targets=True, at=1000.0)
    queries = shipped("prometheus_query", **VARIABLES)
    asked = [of(f"metrics_collection.{number}", queries).params["query"] for number in range(2)]
    found = [evaluate(store, query, 1000.0, 1.0) for query in asked]
    return [value for each in found if isinstance(each, dict) for value in each.values()]


NODES = {("node-exporter", f"n{number}"): 1.0 for number in range(4)}
STATE = {("kube-state-metrics", "k1"): 1.0}


def test_infrastructure_is_scraped() -> None:
    """Both jobs count, not their targets; what belongs to a service may be down while it is rolled out."""
    service = {("api-gateway", "pod-1"): 0.0}
    assert scraped({**NODES, **STATE, **service}) == [1.0, 2.0]
    assert scraped(NODES) == [1.0, 1.0]
    assert scraped({**NODES, ("node-exporter", "n0"): 0.0, **STATE}) == [0.0, 2.0]
    assert scraped({**NODES, ("kube-state-metrics", "k1"): 0.0}) == [0.0, 1.0]
