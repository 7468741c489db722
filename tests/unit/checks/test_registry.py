"""Kinds by name, their parameters, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from launch_pipeline.checks.engine import registry
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.kinds.tcp_port import definition
from launch_pipeline.checks.language.expect import parse_expectations
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRA = Kind(name="extra", params=definition.TcpPortParams, observe=None, criteria=definition.criteria)

VALID: dict[str, dict[str, Any]] = {
    "alertmanager_alerts": {"inject": {"alertname": "Probe"}, "receiver": "pagerduty"},
    "aws_resource": {"service": "ec2", "operation": "describe_subnets", "expect": {"Subnets": "exists"}},
    "command": {"argv": ["true"], "timeout": "30m"},
    "container_image": {"images": ["a/b"], "labels": {"org.x": "== ${release_sha}"}},
    "dns_record": {"names": ["${domain}"], "values": ["${addresses}"], "max_ttl": 300},
    "git_repository": {
        "paths": ["docs/**/*.md"],
        "values": {"info.version": "== ${release}"},
        "max_age": "180d",
    },
    "grafana_dashboard": {"uids": ["a"], "require_data": True, "viewers": ["team"]},
    "http_request": {
        "conn_id": "api",
        "method": "POST",
        "path": "/x",
        "json": {"q": "${nonce}"},
        "auth": "plain_user",
    },
    "kubernetes_resource": {"kind": "Deployment", "names": ["a"]},
    "log_query": {"query": "x", "expect": {"value": "== 4"}},
    "object_storage": {"bucket": "b", "max_age": "26h"},
    "oncall_schedule": {"schedules": ["${s}"], "contact_methods": ["phone"]},
    "postgres_query": {"sql": "SELECT %s", "params": ["${nonce}"]},
    "prometheus_query": {"query": "up", "window": "1h", "aggregate": "max"},
    "prometheus_rule": {"names": ["A"], "series": ["up"]},
    "redis_info": {"scope": "replicas"},
    "report": {"uri": "${reports}/a.xml", "format": "junit", "require": ["${paths}"]},
    "slack_channel": {"channels": ["a"], "roles": ["technical_lead"], "posted": "(?i)launch"},
    "tcp_port": {"targets": ["a:1"], "state": "not_open"},
    "tls_certificate": {"hosts": ["${domain}"]},
}

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("http_request", {"pth": "/"}),
    ("http_request", {"path": "/a", "paths": ["/b"]}),
    ("http_request", {"json": {}, "body": "x"}),
    ("http_request", {"expect": {"status": "200"}}),
    ("http_request", {"expect": {"a..b": "exists"}}),
    ("http_request", {"timeout": "fast"}),
    ("tcp_port", {"targets": []}),
    ("tcp_port", {"targets": ["a:1"], "state": "closed"}),
    ("postgres_query", {"sql": "SELECT 1; DROP TABLE x"}),
    ("aws_resource", {"service": "ec2", "operation": "terminate_instances", "expect": {"a": "exists"}}),
    ("report", {"uri": "a", "format": "cobertura"}),
    ("report", {"uri": "a", "format": "sarif", "require": ["x"], "expect": {"high": "== 0"}}),
    ("report", {"uri": "a", "format": "junit", "rules": ["x"]}),
    ("report", {"uri": "a", "format": "k6", "rules": ["x"]}),
    ("report", {"uri": "a", "format": "trivy", "require": ["x"]}),
    ("report", {"uri": "a", "format": "cobertura", "require": ["x"], "expect": {"line_rate": "== 1"}}),
    ("slack_channel", {"channels": ["a"], "since": "7d"}),
    ("alertmanager_alerts", {"inject": {"alertname": "x"}}),
    ("git_repository", {"paths": ["a"], "values": {"a": "five"}}),
]


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """Entry points of other packages, as installed."""
    given = list(registry.entry_points(group=registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: [p for p in given if p.group == group])
    _forget()
    yield given
    _forget()


def _forget() -> None:
    registry._sources.cache_clear()
    registry._loaded.cache_clear()


def test_all_twenty_kinds_are_known() -> None:
    """Every kind has a model, a criterion and one place to run."""
    assert set(registry.kind_names()) == set(VALID) == set(registry.parameter_models())


@pytest.mark.parametrize("name", VALID)
def test_valid_parameters_give_readable_criteria(name: str) -> None:
    """What a kind expects by itself is in the language of ``expect``."""
    kind = registry.kind(name)
    params = kind.params.model_validate(VALID[name])
    criteria = kind.criteria(params)
    assert parse_expectations(criteria)


@pytest.mark.parametrize(("name", "params"), WRONG, ids=str)
def test_wrong_parameters_are_refused(name: str, params: dict[str, Any]) -> None:
    """A mistake is an error when the checklist is loaded."""
    with pytest.raises(ValidationError):
        registry.kind(name).params.model_validate(params)


def test_own_expectation_replaces_the_default() -> None:
    """The item's word on an expression counts, the other defaults stay."""
    kind = registry.kind("tls_certificate")
    params = kind.params.model_validate({"hosts": ["a"], "expect": {"days_left": ">= 7"}})
    assert kind.criteria(params)["days_left"] == [">= 7"]
    assert kind.criteria(params)["chain_verified"] == ["== true"]


def test_http_status_default_gives_way() -> None:
    """An item that speaks of the status is not asked for 200 as well; one that does not, is."""
    kind = registry.kind("http_request")
    burst = kind.params.model_validate({"samples": 9, "expect": {'statuses."429"': ">= 1"}})
    plain = kind.params.model_validate({"expect": {"json.status": "== ok"}})
    assert kind.criteria(burst) == {'statuses."429"': [">= 1"]}
    assert kind.criteria(plain)["status"] == ["== 200"]


def test_unknown_kind_names_the_nearest() -> None:
    """A misspelt kind is an error that says what was meant."""
    with pytest.raises(ConfigurationError, match="http_request"):
        registry.kind("http_requests")


def test_entry_point_adds_a_kind(points: list[EntryPoint]) -> None:
    """Another package can give a kind."""
    points.append(EntryPoint("extra", f"{__name__}:EXTRA", registry.GROUP))
    assert "extra" in registry.kind_names()


@pytest.mark.parametrize(
    "value",
    [
        "no.such.module:KIND",
        "launch_pipeline.checks.engine.kind:no_such",
        "launch_pipeline.checks.engine.kind:Kind",
    ],
)
def test_broken_entry_point_is_named(points: list[EntryPoint], value: str) -> None:
    """A kind that cannot be loaded is an error that names its entry point."""
    points.append(EntryPoint("extra", value, registry.GROUP))
    with pytest.raises(ConfigurationError, match="extra"):
        registry.kind("extra")


def test_two_kinds_of_one_name_are_an_error(points: list[EntryPoint]) -> None:
    """Nobody overrides a kind silently."""
    points.append(EntryPoint("tcp_port", "other.package:KIND", registry.GROUP))
    with pytest.raises(ConfigurationError, match="two packages"):
        registry.kind_names()


def test_kinds_import_no_client_library() -> None:
    """Reading parameters costs no HTTP, database, DNS or cryptography library."""
    script = (
        "import sys; from launch_pipeline.checks.engine import registry, run, context; "
        "registry.parameter_models(); "
        "heavy = {'aiohttp', 'psycopg', 'dns', 'cryptography', 'defusedxml', 'airflow', 'redis', "
        "'kubernetes_asyncio', 'aiobotocore', 'botocore'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, env={
        "PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""})  # fmt: skip
    assert done.returncode == 0, done.stderr
