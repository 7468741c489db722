"""What every authority can do wrong: the kinds of this folder find no answer in it, and never a pass."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.web import http_connection, serving

pytestmark = pytest.mark.integration
SECRET = "planted-secret-0123456789"

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "prometheus_query": ("prometheus_query", {"query": "up", "expect": {"value": "== 1"}}),
    "prometheus_rule": ("prometheus_rule", {"names": ["A"], "series": ["up"]}),
    "alertmanager_alerts": ("alertmanager_alerts", {}),
    "alertmanager_alerts, a test alert": (
        "alertmanager_alerts",
        {"inject": {"alertname": "Probe"}, "receiver": "pagerduty"},
    ),
    "grafana_dashboard": ("grafana_dashboard", {"uids": ["a"], "require_data": True, "viewers": ["t"]}),
    "log_query": ("log_query", {"query": 'sum(count_over_time({a="b"}[5m]))'}),
    "log_query, lines": ("log_query", {"query": '{a="b"}'}),
    "log_query, elasticsearch": ("log_query", {"query": "a:b", "backend": "elasticsearch"}),
    "oncall_schedule": ("oncall_schedule", {"schedules": ["P1"], "min_levels": 2}),
    "slack_channel": ("slack_channel", {"channels": ["a"], "posted": "x"}),
}

ODDITIES: dict[str, tuple[Odd, str]] = {
    "401": (Odd(status=401, body=b"{}"), "credentials"),
    "403": (Odd(status=403, body=b"{}"), "credentials"),
    "429 with a time": (Odd(status=429, body=b"{}", headers={"Retry-After": "1"}), "wait"),
    "429 without": (Odd(status=429, body=b"{}"), ""),
    "500": (Odd(status=500, body=b"{}"), "500"),
    "503 of a proxy": (Odd(status=503, body=b"<html>sorry</html>", content_type="text/html"), "503"),
    "302 to a login": (Odd(status=302, headers={"Location": "/login"}), "302"),
    "another content": (Odd(body=b"<html>Welcome</html>", content_type="text/html"), ""),
    "plain text": (Odd(body=b"OK", content_type="text/plain"), ""),
    "JSON cut off": (Odd(body=b'{"status": "success", "data": {"res'), ""),
    "empty body": (Odd(), ""),
    "empty document": (Odd(body=b"{}"), ""),
    "null": (Odd(body=b"null"), ""),
    "a list": (Odd(body=b"[1, 2]"), ""),
    "a number": (Odd(body=b"7"), ""),
    "an endless body": (Odd(huge=True), ""),
    "silence": (Odd(slow=True), "no answer within 0.3s"),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "headline"), ODDITIES.values(), ids=ODDITIES.keys())
@pytest.mark.parametrize(("kind", "params"), KINDS.values(), ids=KINDS.keys())
def test_oddity(kind: str, params: dict[str, Any], odd: Odd, headline: str) -> None:
    """No answer is inconclusive, in words, within the time-out, and without the secret."""

    async def ask() -> CheckResult:
        async with serving(odd.app()) as port:
            names = ("prometheus", "alertmanager", "grafana", "loki", "pagerduty", "slack_check")
            connections = {name: http_connection(port, name, password=SECRET) for name in names}
            timeout = {"timeout": "300ms"} if odd.slow else {}
            return await check(context(connections), kind, **params, **timeout)

    result = run(ask())
    assert result.verdict is Verdict.INCONCLUSIVE, result.headline
    assert headline in raw(result), result.headline
    assert "internal error" not in raw(result)
    assert SECRET not in result.model_dump_json()


@pytest.mark.parametrize(("kind", "params"), KINDS.values(), ids=KINDS.keys())
def test_not_connected(kind: str, params: dict[str, Any]) -> None:
    """Without a connection the check says which one it needs."""
    result = run(check(context(), kind, **params))
    assert (result.verdict, "not connected: " in raw(result)) == (Verdict.INCONCLUSIVE, True)
