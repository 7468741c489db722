"""Items of week 3: keys that are set and used, and measurements that are what they are compared with."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.language.variables import derived, placeholders, substitute
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import evaluate
from servers.kubernetes_api import KubernetesApi, secret
from servers.one_item import NAMES, VARIABLES, in_the_cluster, items, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ENVIRONMENT, INTEGRATION = "validation_testing.environment_validation", "validation_testing.integration_tests"

# ---- keys of ConfigMaps and Secrets ------------------------------------------------------------------

KEYS = {
    "gateway": ["LOG_LEVEL", "DB_HOST"],
    "constitutional": ["LOG_LEVEL"],
    "knowledge": ["INDEX"],
    "routing": ["MODEL"],
}
GOOD: dict[str, dict[str, str]] = {name: dict.fromkeys(keys, "a value") for name, keys in KEYS.items()}


def deployed(*services: str, **spec: Any) -> list[dict[str, Any]]:
    """Build the Deployments of these services, each with its own ConfigMap and Secret unless told."""
    made = []
    for name in services:
        sources = [{"configMapRef": {"name": f"{name}-config"}}, {"secretRef": {"name": f"{name}-secrets"}}]
        pod = spec or {"containers": [{"name": "proxy"}, {"name": name, "envFrom": sources}]}
        made.append({"name": name, "spec": {"template": {"spec": pod}}})
    return made


def with_change(service: str, **values: str | None) -> dict[str, dict[str, str]]:
    changed = {**GOOD[service], **values}
    return {**GOOD, service: {key: value for key, value in changed.items() if value is not None}}


CONFIGS: dict[str, tuple[Mapping[str, Mapping[str, str]], Verdict, str]] = {
    "every key of each service": (GOOD, P, ""),
    "further keys": (with_change("routing", EXTRA="1"), P, ""),
    "a key that only one service needs is missing": (with_change("gateway", DB_HOST=None), F, "DB_HOST"),
    "a key of the last service is missing": (with_change("routing", MODEL=None), F, "MODEL"),
    "an empty value": (with_change("knowledge", INDEX=""), F, "empty"),
    "a blank value": (with_change("knowledge", INDEX="  "), F, "empty"),
    "a placeholder": (with_change("knowledge", INDEX="CHANGEME"), F, "CHANGEME"),
    "a placeholder in another spelling": (with_change("knowledge", INDEX="https://change-me.example"), F, "change-me"),
    "words that look like a placeholder": (with_change("gateway", EXTRA="price-change-metrics"), P, ""),
    "words that do so side by side": (with_change("gateway", EXTRA="exchange", FURTHER="me-south-1"), P, ""),
    "a placeholder with a tail": (with_change("gateway", EXTRA="CHANGE_ME_PLEASE"), F, "CHANGE_ME"),
    "a placeholder in a key that is not required": (with_change("gateway", EXTRA="<replace_me>"), F, "replace_me"),
}  # fmt: skip


@pytest.mark.parametrize(("configs", "verdict", "said"), CONFIGS.values(), ids=CONFIGS.keys())
def test_environment_variables(configs: Mapping[str, Mapping[str, str]], verdict: Verdict, said: str) -> None:
    """Each service has its own keys, and none of them is empty or a placeholder."""
    api = KubernetesApi()
    for service, data in configs.items():
        api.add("v1", "ConfigMap", f"{NAMES[service]}-config", data=dict(data))
    for one in deployed(*NAMES.values()):
        api.add("apps/v1", "Deployment", **one)
    keys = {f"{name}_env_keys": wanted for name, wanted in KEYS.items()}
    refused(in_the_cluster(f"{ENVIRONMENT}.environment_variables", api, **keys), verdict, said)


SECRETS: dict[str, tuple[Mapping[str, Mapping[str, str]], Verdict, str]] = {
    "every key of each service": (GOOD, P, ""),
    "an empty password": (with_change("gateway", DB_HOST=""), F, "DB_HOST"),
    "a blank password": (with_change("gateway", DB_HOST=" \n"), F, "DB_HOST"),
    "a key that only one service needs is missing": (with_change("gateway", DB_HOST=None), F, "DB_HOST"),
    "a Secret without data": ({**GOOD, "knowledge": {}}, F, "INDEX"),
}  # fmt: skip


@pytest.mark.parametrize(("secrets", "verdict", "said"), SECRETS.values(), ids=SECRETS.keys())
def test_secrets_configured(secrets: Mapping[str, Mapping[str, str]], verdict: Verdict, said: str) -> None:
    """Each service has its own secrets, and none of them is empty."""
    api = KubernetesApi()
    for service, data in secrets.items():
        api.add("v1", "Secret", f"{NAMES[service]}-secrets", data=secret(**data))
    for one in deployed(*NAMES.values()):
        api.add("apps/v1", "Deployment", **one)
    keys = {f"{name}_secret_keys": wanted for name, wanted in KEYS.items()}
    refused(in_the_cluster(f"{ENVIRONMENT}.secrets_configured", api, **keys), verdict, said)


def env(**source: Any) -> dict[str, Any]:
    return {
        "containers": [
            {"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": source}]}
        ]
    }


def volume(**source: Any) -> dict[str, Any]:
    return {
        "containers": [{"name": "app"}],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "a", **source}],
    }


def projected(**source: Any) -> dict[str, Any]:
    return volume(projected={"sources": [{"downwardAPI": {}}, source]})


ENV, FILES = f"{ENVIRONMENT}.environment_variables", f"{ENVIRONMENT}.secrets_configured"
USED: dict[str, tuple[str, dict[str, Any], Verdict]] = {
    "a variable from a ConfigMap": (ENV, env(configMapKeyRef={"name": "ai-routing-config", "key": "B"}), P),
    "files from a ConfigMap": (ENV, volume(configMap={"name": "ai-routing-config"}), P),
    "projected files from a ConfigMap": (ENV, projected(configMap={"name": "ai-routing-config"}), P),
    "a ConfigMap with a hash in its name": (ENV, volume(configMap={"name": "ai-routing-config-7f8d9c"}), F),
    "a ConfigMap that is not used": (ENV, {"containers": [{"name": "app"}]}, F),
    "a Secret alone": (ENV, env(secretKeyRef={"name": "ai-routing-secrets", "key": "B"}), F),
    "a variable from a Secret": (FILES, env(secretKeyRef={"name": "ai-routing-secrets", "key": "B"}), P),
    "files from a Secret": (FILES, volume(secret={"secretName": "ai-routing-secrets"}), P),
    "projected files from a Secret": (FILES, projected(secret={"name": "ai-routing-secrets"}), P),
    "the Secret of an earlier release": (FILES, volume(secret={"secretName": "old-ai-routing-secrets"}), F),
    "a Secret that is not used": (FILES, {"containers": [{"name": "app"}]}, F),
}  # fmt: skip


@pytest.mark.parametrize(("ref", "pod", "verdict"), USED.values(), ids=USED.keys())
def test_keys_are_used(ref: str, pod: dict[str, Any], verdict: Verdict) -> None:
    """A ConfigMap or Secret that is left over sets nothing: each Deployment uses one of the services'."""
    api = KubernetesApi()
    for service, data in GOOD.items():
        api.add("v1", "ConfigMap", f"{NAMES[service]}-config", data=dict(data))
        api.add("v1", "Secret", f"{NAMES[service]}-secrets", data=secret(**data))
    *others, last = NAMES.values()
    for one in [*deployed(*others), *deployed(last, **pod)]:
        api.add("apps/v1", "Deployment", **one)
    keys = {f"{name}_{sort}_keys": wanted for name, wanted in KEYS.items() for sort in ("env", "secret")}
    refused(in_the_cluster(ref, api, **keys), verdict)


@pytest.mark.parametrize("item", ["environment_variables", "secrets_configured"])
def test_keys_that_no_environment_lists_are_a_question(item: str) -> None:
    """Without a list of the keys nothing is required, which is no pass."""
    api = KubernetesApi()
    for name in NAMES.values():
        api.add("v1", "ConfigMap", f"{name}-config", data={"A": "1"})
        api.add("v1", "Secret", f"{name}-secrets", data=secret(A="1"))
    for one in deployed(*NAMES.values()):
        api.add("apps/v1", "Deployment", **one)
    refused(in_the_cluster(f"{ENVIRONMENT}.{item}", api), Q)


# ---- metrics -------------------------------------------------------------------------------------------


def asked(item: str, store: Store, last: int = -1) -> list[float]:
    """Evaluate the query of an item, of several the last one, on these samples."""
    query = (
        [spec for spec in items()[item].checks if spec.kind == "prometheus_query"][last]
        .params["query"]
        .replace("$__range", "10m")
    )
    names = with_product(VARIABLES)
    known = {name: names.get(name, derived(name, names)) for name in placeholders(query)}
    found = evaluate(store, substitute(query, known), 1000.0, 1.0)
    return list(found.values()) if isinstance(found, dict) else [float(found)]


def test_every_target_is_scraped() -> None:
    """One pod of three that cannot be scraped is a hole in the metrics of its service."""

    def services_with_all(down: int) -> list[float]:
        store, pods = Store(), [(job, f"pod-{number}") for job in NAMES.values() for number in range(3)]
        up = {pod: float(number >= down) for number, pod in enumerate(pods)}
        labels = {pod: {"namespace": "azora", "job": pod[0], "instance": pod[1]} for pod in pods}
        store.gauges(lambda: [(labels_of("up", labels[pod]), up[pod]) for pod in pods])
        store.sample(targets=True, at=1000.0)
        return asked(f"{INTEGRATION}.metrics_collection", store)

    assert services_with_all(0) == [4.0]
    assert services_with_all(1) == [3.0]


SECONDS = [
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "1",
    "2.5",
    "5",
    "7.5",
    "10.0",
    "30",
    "+Inf",
]
MILLISECONDS: dict[str, list[str]] = {
    "of Go": ["5", "10", "50", "100", "250", "500", "+Inf"],
    "of Java": ["5.0", "10.0", "50.0", "100.0", "200.0", "+Inf"],
    "of OpenTelemetry": ["0", "5", "10", "25", "50", "75", "100", "250", "500", "1000", "10000", "+Inf"],
}
HISTOGRAMS = {
    "constitutional_validation_latency": "constitutional_ai_validation_duration_ms",
    "knowledge_ocean_latency": "knowledge_ocean_retrieval_duration_ms",
    "ai_routing_latency": "ai_routing_decision_duration_ms",
    "database_latency": "db_query_duration_ms",
}


@pytest.mark.parametrize(("item", "metric"), HISTOGRAMS.items())
def test_histogram_in_seconds(item: str, metric: str) -> None:
    """A p95 of 15 seconds is not below 200 milliseconds because it is written as 15."""

    def large_buckets(bounds: list[str]) -> float:
        store = Store()
        for second in (500.0, 990.0):
            for bound in bounds:
                store.count(f"{metric}_bucket", namespace="azora", le=bound)
            store.sample(targets=True, at=second)
        return asked(f"validation_testing.performance_tests.{item}", store)[0]

    assert large_buckets(SECONDS) == 0
    assert large_buckets([]) == 0
    assert all(large_buckets(bounds) >= 1 for bounds in MILLISECONDS.values())
