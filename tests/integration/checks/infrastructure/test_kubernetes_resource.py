"""``kubernetes_resource``: the real dynamic client against a stand-in for the API server."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.kubernetes_api import TOKEN, KubernetesApi, connection, kube_config, rolled_out, secret
from servers.odd import Odd
from servers.shipped import shipped
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = shipped("kubernetes_resource")
SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
VARIABLES = with_product({
    "namespace": "azora", "release": "1.0.0", "previous_release": "0.9.4",
    "domain": "azora.example",
    **{f"{one}_env_keys": ["LOG_LEVEL"] for one in ("gateway", "constitutional", "knowledge", "routing")},
    **{f"{one}_secret_keys": ["DATABASE_PASSWORD"] for one in ("gateway", "constitutional", "knowledge", "routing")},
})  # fmt: skip


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def container(image: str = "registry/x:1.0.0", name: str = "x") -> dict[str, Any]:
    probe = {"httpGet": {"path": "/health"}}
    return {
        "image": image,
        "envFrom": [{"configMapRef": {"name": f"{name}-config"}}, {"secretRef": {"name": f"{name}-secrets"}}],
        "readinessProbe": probe,
        "livenessProbe": probe,
        "resources": {"limits": {"memory": "1Gi"}},
    }


def deployment(
    api: KubernetesApi, name: str, namespace: str = "azora", image: str = "registry/x:1.0.0"
) -> dict[str, Any]:
    pod = {
        "containers": [container(image, name)],
        "restartPolicy": "Always",
        "topologySpreadConstraints": [{"maxSkew": 1}],
    }
    spec = {"replicas": 2, "template": {"spec": pod}}
    return api.add("apps/v1", "Deployment", name, namespace, spec=spec, status=rolled_out())


def good_cluster(release: str) -> KubernetesApi:
    """Everything that the shipped checklists ask for."""
    api = KubernetesApi()
    deployment(api, "ingress-nginx-controller", "ingress-nginx")
    api.add("v1", "ConfigMap", "ingress-nginx-controller", "ingress-nginx", data={"load-balance": "ewma"})
    for name in SERVICES:
        deployment(api, name, image=f"registry/azora/{name}:{release}")
        ports = {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}
        api.add("v1", "Service", name, spec=ports, status={"loadBalancer": {}})
        api.add("v1", "ConfigMap", f"{name}-config", data={"LOG_LEVEL": "info"})
        api.add(
            "v1", "Secret", f"{name}-secrets", type="Opaque", data=secret(DATABASE_PASSWORD="hunter2-planted")
        )
        ready = {
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": f"{name}-7d4b9c6f5d-k2x9p"},
        }
        api.add("discovery.k8s.io/v1", "EndpointSlice", f"{name}-x1", endpoints=[ready],
                metadata={"labels": {"kubernetes.io/service-name": name}})  # fmt: skip
        healthy = {"expectedPods": 2, "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1}
        api.add("policy/v1", "PodDisruptionBudget", name, status={"observedGeneration": 1, **healthy})
        scales = [{"type": kind, "status": "True"} for kind in ("AbleToScale", "ScalingActive")]
        api.add("autoscaling/v2", "HorizontalPodAutoscaler", name, spec={"minReplicas": 2},
                status={"currentReplicas": 2, "desiredReplicas": 2, "conditions": scales})  # fmt: skip
        chosen = {"podSelector": {"matchLabels": {"app": name}}, "ingress": [{"from": [{"podSelector": {}}]}]}
        api.add("networking.k8s.io/v1", "NetworkPolicy", f"allow-{name}", spec=chosen)
    api.add(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "default-deny-all",
        spec={"podSelector": {}, "policyTypes": ["Ingress"]},
    )
    notes = {"annotations": {"nginx.ingress.kubernetes.io/affinity": "cookie"}}
    backend = {"service": {"name": "api-gateway", "port": {"number": 80}}}
    rule = {"host": "azora.example", "http": {"paths": [{"path": "/", "backend": backend}]}}
    api.add("networking.k8s.io/v1", "Ingress", "azora", metadata=notes, spec={"tls": [{}], "rules": [rule]},
            status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})  # fmt: skip
    api.add("postgresql.cnpg.io/v1", "Cluster", "azora-postgres", spec={"instances": 3},
            status={"phase": "Cluster in healthy state", "readyInstances": 3, "topology": {"nodesUsed": 3},
                    "conditions": [{"type": "Ready", "status": "True"}, {"type": "LastBackupSucceeded", "status": "True", "lastTransitionTime": hours_ago(2)}]})  # fmt: skip
    api.add(
        "postgresql.cnpg.io/v1",
        "ScheduledBackup",
        "azora-postgres-nightly",
        spec={"cluster": {"name": "azora-postgres"}},
        status={"lastScheduleTime": hours_ago(3)},
    )
    store = {"retentionPolicy": "30d"}
    api.add("barmancloud.cnpg.io/v1", "ObjectStore", "azora-postgres-store", spec=store)
    refused = {"lastSuccessfulTime": hours_ago(0.5)}
    api.add("batch/v1", "CronJob", "network-policy-probe", spec={}, status=refused)
    api.add("batch/v1", "CronJob", "backup-verify", spec={}, status={"lastSuccessfulTime": hours_ago(3)})
    return api


async def asked(api: KubernetesApi, target: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    async with serving(api.app) as port:
        ctx = context({"kubernetes": connection(port, **(target or {}))}, variables=VARIABLES)
        return await check(ctx, "kubernetes_resource", **params)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_checks_pass_on_a_good_cluster(name: str) -> None:
    """Every object, field and JMESPath that the checklists name can be read."""

    async def ask() -> CheckResult:
        api = good_cluster("0.9.4" if "rollback" in name else "1.0.0")
        async with serving(api.app) as port:
            ctx = context({"kubernetes": connection(port)}, variables=VARIABLES)
            return (await run_checks([SHIPPED[name]], ctx))[0]

    result = run(ask())
    assert result.verdict is P, result.headline


QUESTIONS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "by name": ({"kind": "ConfigMap", "names": ["api-gateway-config"]}, P, "ready = true"),
    "one is missing": ({"kind": "ConfigMap", "names": ["api-gateway-config", "none"]}, F, 'missing = ["none"], want == []'),
    "all of the namespace": ({"kind": "Service", "min_count": 4}, P, "all 4"),
    "too few": ({"kind": "Service", "min_count": 5}, F, "count = 4, want >= 5"),
    "none at all": ({"kind": "Pod"}, F, "count = 0, want >= 1"),
    "none is wanted": ({"kind": "Pod", "min_count": 0}, P, "nothing found, as expected"),
    "none is wanted where nothing is": ({"kind": "Pod", "min_count": 0, "namespace": "azorra"}, Q, "namespace 'azorra' does not exist"),
    "by label": ({"kind": "Pod", "selector": "app=x"}, F, "count = 0"),
    "another namespace": ({"kind": "Service", "namespace": "empty"}, F, "count = 0"),
    "a field": ({"kind": "Cluster", "api_version": "postgresql.cnpg.io/v1", "names": ["azora-postgres"],
                 "expect": {"status.readyInstances": ">= 4"}}, F, "status.readyInstances = 3, want >= 4"),
    "a kind that nobody serves": ({"kind": "Widget", "api_version": "shop.example/v1", "names": ["a"]}, F, 'missing = ["a"]'),
    "a kind that nobody serves, none wanted": ({"kind": "Widget", "min_count": 0}, F, "ready = false"),
    "a name that leads elsewhere": ({"kind": "ConfigMap", "names": ["../secrets/api-gateway-secrets"]}, F, "missing"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_objects(params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """Objects are there, enough of them, and their fields hold; or the missing one is named."""
    result = run(asked(good_cluster("1.0.0"), **params))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_secrets_stay_in_the_cluster(caplog: pytest.LogCaptureFixture) -> None:
    """Values of Secrets are lengths before anything sees them: not in facts, applied text, logs or errors."""
    api = KubernetesApi()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(secret(KEY="hunter2-planted"))}
    api.add("v1", "Secret", "s", data=secret(KEY="hunter2-planted"), metadata={"annotations": applied})
    everything = {
        "to_string(@)": "matches hunter2|aHVudGVyMi",
        "data.KEY": "== 15",
        "metadata.annotations": "== {}",
    }
    caplog.set_level(logging.DEBUG)
    for params in ({"names": ["s"]}, {}):
        result = run(asked(api, kind="Secret", expect=everything, **params))
        held = {finding.expression: finding.holds for finding in result.findings}
        assert held["to_string(@)"] is False
        assert (held["data.KEY"], held["metadata.annotations"]) == (True, True)
        said = result.model_dump_json() + caplog.text
        assert not any(word in said for word in ("hunter2-planted", secret(k="hunter2-planted")["k"], TOKEN))


def test_long_lists_are_read_to_the_end() -> None:
    """The API answers in pages; what is on the second counts."""
    api = KubernetesApi()
    for number in range(250):
        api.add("v1", "Pod", f"p{number:03}", status={"phase": "Running" if number < 240 else "Pending",
                "conditions": [{"type": "Ready", "status": "True"}]})  # fmt: skip
    result = run(asked(api, kind="Pod", min_count=250))
    assert (result.verdict, "Pod p240 (phase is Pending): ready = false" in raw(result)) == (F, True), (
        result.headline
    )
    assert sum("limit=100" in path for path in api.requests) == 3


def test_too_many_objects_are_inconclusive() -> None:
    """Nobody reads a whole cluster; the check says how to ask for less."""
    api = KubernetesApi()
    for number in range(2101):
        api.add("v1", "ConfigMap", f"c{number}")
    result = run(asked(api, kind="ConfigMap"))
    assert (result.verdict, "selector" in raw(result)) == (Q, True), result.headline


@pytest.mark.parametrize(
    "form", ["kube_config", "extra__kubernetes__kube_config", "kube_config_path", "host"]
)
def test_connections(tmp_path: Path, form: str) -> None:
    """A connection is a kubeconfig, its path, or host and token, in Airflow's own names."""

    async def ask() -> CheckResult:
        async with serving(good_cluster("1.0.0").app) as port:
            given: dict[str, Any] = {form: kube_config(port)}
            if form == "kube_config_path":
                (tmp_path / "config").write_text(kube_config(port))
                given = {form: str(tmp_path / "config")}
            by_extra = ConnectionInfo("kubernetes", "kubernetes", extra=given)
            ctx = context({"kubernetes": connection(port) if form == "host" else by_extra})
            return await check(ctx, "kubernetes_resource", kind="Service", namespace="azora")

    result = run(ask())
    assert result.verdict is P, result.headline
    assert TOKEN not in result.model_dump_json()


def test_an_expired_token_is_renewed(tmp_path: Path) -> None:
    """Tokens live for minutes and the client for days: after a 401 the credentials are read anew."""
    path = tmp_path / "config"

    async def ask() -> list[Verdict]:
        api = good_cluster("1.0.0")
        async with serving(api.app) as port:
            path.write_text(kube_config(port))
            target = ConnectionInfo("kubernetes", "kubernetes", extra={"kube_config_path": str(path)})
            ctx = context({"kubernetes": target})
            first = await check(ctx, "kubernetes_resource", kind="Service", namespace="azora")
            api.token = "planted-new-token"
            path.write_text(kube_config(port, api.token))
            second = await check(ctx, "kubernetes_resource", kind="Service", namespace="azora")
            return [first.verdict, second.verdict]

    assert run(ask()) == [P, P]


def test_one_client_for_all_checks_of_a_loop() -> None:
    """Discovery is asked once per version, and never kept in a file that another user could write."""
    api = good_cluster("1.0.0")

    async def ask() -> None:
        async with serving(api.app) as port:
            ctx = context({"kubernetes": connection(port)})
            for _ in range(3):
                await check(ctx, "kubernetes_resource", kind="Service", namespace="azora")

    run(ask())
    assert api.requests.count("/api/v1") == 1
    assert not any(path in api.requests for path in ("/apis", "/version"))


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "wrong token": ({}, {"password": "planted-wrong"}, "credentials: "),
    "not allowed": ({"forbidden": {"secrets"}}, {}, 'cannot list resource "secrets"'),
    "an aggregated server is down": ({"broken_group": "v1"}, {}, "answered 503"),
}


@pytest.mark.parametrize(("cluster", "target", "headline"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals_are_inconclusive(cluster: dict[str, Any], target: dict[str, Any], headline: str) -> None:
    """Who may not ask, or asks a server that is down, knows nothing about the objects."""
    api = good_cluster("1.0.0")
    for name, value in cluster.items():
        setattr(api, name, value)
    result = run(asked(api, target, kind="Secret"))
    assert (result.verdict, headline in raw(result)) == (Q, True), result.headline
    assert "planted-wrong" not in result.model_dump_json()


ODD: dict[str, tuple[Odd, str, int]] = {
    "401": (Odd(401, b'{"kind": "Status"}'), "credentials", 1),
    "403": (Odd(403, b'{"kind": "Status", "message": "no"}'), "credentials", 1),
    "429 is waited for": (Odd(429, b"{}", headers={"Retry-After": "1"}), "is busy", 3),
    "500": (Odd(500, b"oops", "text/plain"), "answered 500", 3),
    "slow": (Odd(slow=True), "no answer within", 3),
    "huge": (Odd(huge=True), "more than 16 MiB", 1),
    "wrong content type": (Odd(200, b"<html/>", "text/html"), "without a Kubernetes document", 1),
    "truncated JSON": (Odd(200, b'{"kind": "APIResourceL'), "without a Kubernetes document", 1),
    "404 of another server": (Odd(404, b"not found", "text/plain"), "without a Kubernetes document", 1),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "headline", "attempts"), ODD.values(), ids=ODD.keys())
def test_odd_answers_are_inconclusive(odd: Odd, headline: str, attempts: int) -> None:
    """Whatever goes wrong on the way is no verdict on the objects."""

    async def ask() -> CheckResult:
        async with serving(odd.app()) as port:
            ctx = context({"kubernetes": http_connection(port, "kubernetes", schema="http")})
            return await check(ctx, "kubernetes_resource", kind="Pod", namespace="a", timeout="3s")

    result = run(ask())
    assert (result.verdict, headline in raw(result), result.attempts) == (Q, True, attempts), result.headline


@pytest.mark.parametrize(
    ("target", "headline", "attempts"),
    [
        ({"host": "127.0.0.1", "port": 1, "schema": "http"}, "did not answer", 3),
        ({}, "names no cluster", 1),
        ({"extra": {"kube_config": "{}"}}, "cannot be used for a cluster", 1),
        ({"extra": {"kube_config_path": "none.yaml"}}, "cannot be used for a cluster", 1),
        ({"extra": {"in_cluster": True}}, "cannot be used for a cluster", 1),
    ],
    ids=["nobody there", "an empty connection", "no kubeconfig", "no such file", "not in a cluster"],
)
def test_no_cluster_is_inconclusive(target: dict[str, Any], headline: str, attempts: int) -> None:
    """A cluster that cannot be reached is named as such, and asked again only where that may help."""
    ctx = context({"kubernetes": ConnectionInfo("kubernetes", "kubernetes", **target)})
    result = run(check(ctx, "kubernetes_resource", kind="Pod", namespace="a"))
    assert (result.verdict, headline in raw(result), result.attempts) == (Q, True, attempts), result.headline
