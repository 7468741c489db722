"""Every kind that asks over HTTP, with a connection of its own to one server, whatever that server does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.registry import kind
from servers.checking import check, context
from servers.web import serving

if TYPE_CHECKING:
    import ssl

    from aiohttp import web

    from launch_pipeline.checks.verdict import CheckResult

SECRET = "planted-secret-0123456789"
KINDS: dict[str, dict[str, Any]] = {
    "http_request": {"path": "/x"},
    "prometheus_query": {"query": "up", "expect": {"value": "== 1"}},
    "prometheus_rule": {"names": ["A"], "series": ["up"]},
    "alertmanager_alerts": {},
    "grafana_dashboard": {"uids": ["a"], "require_data": True, "viewers": ["t"]},
    "log_query": {"query": 'sum(count_over_time({a="b"}[5m]))'},
    "oncall_schedule": {"schedules": ["P1"]},
    "slack_channel": {"channels": ["a"], "posted": "x"},
    "container_image": {"images": ["a/b"], "tag": "1"},
    "kubernetes_resource": {"kind": "Pod", "namespace": "a"},
    "object_storage": {"bucket": "b"},
    "aws_resource": {"service": "ec2", "operation": "describe_vpcs", "expect": {"Vpcs": "exists"}},
    "git_repository": {"paths": ["**"], "ref": "main"},
    "report": {"format": "junit", "subject": ""},
}
"""Kind to parameters; the other six speak another protocol or to nobody."""
_AWS = {"object_storage", "aws_resource"}


def connection(name: str, port: int, scheme: str, ca_file: str, secret: str = SECRET) -> ConnectionInfo:
    """Make the connection of a kind; it trusts the authority of that file only."""
    base, extra = f"{scheme}://localhost:{port}", {"ca_file": ca_file}
    if name in _AWS:
        extra |= {"region_name": "eu-central-1", "endpoint_url": base, "addressing_style": "path"}
    if name == "git_repository":
        extra["url"] = f"{base}/repo.git"
    login = "AKIAEXAMPLE" if name in _AWS else ""
    conn_id = kind(name).default_conn_id
    return ConnectionInfo(conn_id, "http", "localhost", port, login, secret, scheme, extra)


async def asked(name: str, found: ConnectionInfo, **params: Any) -> CheckResult:
    """Run a check of the kind with its parameters and these."""
    place = {"uri": f"https://localhost:{found.port}/r.xml"} if name == "report" else {}
    return await check(context({found.conn_id: found}), name, **{**KINDS[name], **place, **params})


async def asked_of(
    name: str, app: web.Application, tls: ssl.SSLContext, ca_file: str, *, secret: str = SECRET, **params: Any
) -> CheckResult:
    """Run a check of the kind against an application; reports are read over TLS only."""
    encrypted = name == "report"
    async with serving(app, tls if encrypted else None) as port:
        found = connection(name, port, "https" if encrypted else "http", ca_file, secret)
        return await asked(name, found, **params)
