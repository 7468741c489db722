"""Real Prometheus and Alertmanager, joined, with a webhook that keeps what it is sent."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import yaml

from launch_pipeline.checks.engine.context import ConnectionInfo
from servers.programs import free_ports, program, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

RULES = {
    "groups": [
        {
            "name": "launch",
            "rules": [
                {
                    "alert": "Good",
                    "expr": "up == 0",
                    "for": "5m",
                    "labels": {"severity": "critical"},
                    "annotations": {"runbook_url": "https://runbooks.example.org/good"},
                },
                {
                    "alert": "Good",
                    "expr": "up < 0",
                    "labels": {"severity": "warning"},
                    "annotations": {"runbook_url": "https://runbooks.example.org/good"},
                },
                {
                    "alert": "Broken",
                    "expr": 'label_replace(up, "a", "$1", "job", "(") > 0',
                    "labels": {"severity": "critical"},
                    "annotations": {"runbook_url": "https://runbooks.example.org/broken"},
                },
                {
                    "alert": "OverNothing",
                    "expr": "metric_that_nobody_exports > 1",
                    "labels": {"severity": "critical"},
                    "annotations": {"runbook_url": "https://runbooks.example.org/nothing"},
                },
                {
                    "alert": "OtherLabel",
                    "expr": 'up{phase="down"} > 1',
                    "labels": {"severity": "critical"},
                    "annotations": {"runbook_url": "https://runbooks.example.org/label"},
                },
                {
                    "alert": "OverRecorded",
                    "expr": "recorded:up < 0",
                    "labels": {"severity": "critical"},
                    "annotations": {"runbook_url": "https://runbooks.example.org/recorded"},
                },
                {"alert": "Bare", "expr": "up == 0"},
                {"alert": "Watchdog", "expr": "vector(1)"},
                {"record": "recorded:up", "expr": "up"},
            ],
        },
        {
            "name": "seldom",
            # Each group has its own place in its interval, by a hash of its name and file: of an hour, tests
            # that last a minute meet it once in sixty runs.
            "interval": "10y",
            "rules": [{"alert": "Seldom", "expr": "up == 0", "labels": {"severity": "critical"}}],
        },
    ]
}


@dataclass
class Webhook:
    """What was sent, by path."""

    port: int
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def alerts(self, path: str, name: str) -> list[dict[str, Any]]:
        """Every alert of that name that was sent to the path."""
        return [
            alert
            for at, message in list(self.received)
            if at == path
            for alert in message.get("alerts", [])
            if alert["labels"].get("alertname") == name
        ]


@dataclass(frozen=True)
class Monitoring:
    """Where the servers are."""

    prometheus: ConnectionInfo
    alertmanager: ConnectionInfo
    webhook: Webhook

    def connections(self) -> dict[str, ConnectionInfo]:
        """Both, by the names that checks use."""
        return {"prometheus": self.prometheus, "alertmanager": self.alertmanager}

    def post(self, path: str, document: Any) -> Any:
        """Send something to Alertmanager beside the checks."""
        request = Request(  # noqa: S310  (loopback)
            f"{self.alertmanager.base_url}{path}",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            body = answer.read()
        return json.loads(body) if body else None

    def series(self, query: str) -> list[dict[str, Any]]:
        """Return the series of an instant query that needs no quoting."""
        address = f"{self.prometheus.base_url}/api/v1/query?query={query}"
        with urlopen(address, timeout=10) as answer:  # noqa: S310
            return list(json.load(answer)["data"]["result"])

    def alerts(self, matcher: str = "") -> list[dict[str, Any]]:
        """Return the alerts that Alertmanager says are firing."""
        suffix = f"?filter={matcher}" if matcher else ""
        with urlopen(f"{self.alertmanager.base_url}/api/v2/alerts{suffix}", timeout=10) as answer:  # noqa: S310
            return list(json.load(answer))


@contextmanager
def monitoring(folder: Path, rules: dict[str, Any] | None = None) -> Iterator[Monitoring]:
    """Run both servers and the webhook; Prometheus sends its alerts to Alertmanager."""
    binary, home = program("prometheus", "prometheus"), folder / "prometheus"
    with alerting(folder) as (alertmanager, webhook):
        (port,) = free_ports(1)
        home.mkdir()
        (home / "rules.yml").write_text(yaml.safe_dump(rules or RULES))
        (home / "config.yml").write_text(yaml.safe_dump(_scraping(port, alertmanager.port or 0)))
        with running(_prometheus(binary, home, port), partial(_ready, port), home):
            yield Monitoring(_connection("prometheus", port), alertmanager, webhook)


@contextmanager
def backfilled(folder: Path, samples: Iterable[str]) -> Iterator[ConnectionInfo]:
    """Run a Prometheus that scrapes nothing and has these samples, written as OpenMetrics' lines."""
    binary, home = program("prometheus", "prometheus"), folder / "prometheus"
    (port,) = free_ports(1)
    home.mkdir()
    (home / "samples.txt").write_text("\n".join([*samples, "# EOF", ""]))
    (home / "config.yml").write_text("{}")
    made = ["tsdb", "create-blocks-from", "openmetrics", "-q", "samples.txt", "data"]
    subprocess.run([program("promtool", "prometheus"), *made], cwd=home, check=True, capture_output=True)
    with running(_prometheus(binary, home, port), partial(_ready, port), home):
        yield _connection("prometheus", port)


@contextmanager
def alerting(folder: Path, group_wait: str = "100ms") -> Iterator[tuple[ConnectionInfo, Webhook]]:
    """Run Alertmanager alone, with the webhook."""
    binary, home = program("prometheus-alertmanager", "prometheus-alertmanager"), folder / "alertmanager"
    with _webhook() as webhook:
        (port,) = free_ports(1)
        home.mkdir()
        (home / "config.yml").write_text(yaml.safe_dump(_routing(webhook.port, group_wait)))
        with running(_alertmanager(binary, home, port), partial(_ready, port), home):
            yield _connection("alertmanager", port), webhook


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _connection(name: str, port: int) -> ConnectionInfo:
    return ConnectionInfo(name, "http", "127.0.0.1", port)


def _prometheus(binary: str, home: Path, port: int) -> list[str]:
    data = home / "data"
    return [
        binary,
        f"--config.file={home}/config.yml",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
    ]


def _alertmanager(binary: str, home: Path, port: int) -> list[str]:
    return [
        binary,
        f"--config.file={home}/config.yml",
        f"--storage.path={home}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]


def _scraping(prometheus: int, alertmanager: int) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}],
        },
        "scrape_configs": [
            {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{prometheus}"]}]},
            {"job_name": "alertmanager", "static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]},
        ],
    }


def _routing(webhook: int, group_wait: str) -> dict[str, Any]:
    def at(path: str, port: int = webhook) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{port}{path}", "send_resolved": True}

    muted = {"receiver": "muted", "mute_time_intervals": ["always"]}
    return {
        "route": {
            "receiver": "chat",
            "group_by": ["..."],
            "group_wait": group_wait,
            "group_interval": "1s",
            "repeat_interval": "1h",
            "routes": [
                {"matchers": ['team="nobody"'], "receiver": "nobody"},
                {"matchers": ['team="unreachable"'], "receiver": "unreachable"},
                {"matchers": ['team="muted"'], **muted},
                {"matchers": ['severity="critical"'], "receiver": "pagerduty"},
            ],
        },
        "time_intervals": [{"name": "always", "time_intervals": [{"months": ["1:12"]}]}],
        "inhibit_rules": [
            {"source_matchers": ['role="cause"'], "target_matchers": ['role="symptom"'], "equal": ["case"]}
        ],
        "receivers": [
            {"name": "chat", "webhook_configs": [at("/chat")]},
            {"name": "pagerduty", "pagerduty_configs": [{**at("/pagerduty"), "routing_key": "0" * 32}]},
            {"name": "unreachable", "webhook_configs": [at("/none", 1)]},
            {"name": "muted", "webhook_configs": [at("/muted")]},
            {"name": "nobody"},
        ],
    }


@contextmanager
def _webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            webhook.received.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing: tests read what was received, not a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    webhook = Webhook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
