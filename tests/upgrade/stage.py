"""A home whose stack is run by one package and then by another, with a Slack and a product beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import requests

from launch_pipeline.airflow.hooks.rest_client import AirflowApi
from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.settings import StackSettings
from launch_rehearsal.slack_server.base.settings import BRIDGE_TOKEN, LAUNCH_CHANNEL, SOCKET_TOKEN
from servers.launches import Launchpad
from servers.programs import wait_for
from servers.switches import Switches, Valve
from upgrade.checklists import write_checklists
from upgrade.pack import ARCHIVE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNER = Path(__file__).with_name("run_stack.py")
LAUNCHER = "milo.product"
START_SECONDS = 180.0


def unpacked(folder: Path) -> Path:
    """Unpack the older package, and return its root."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@dataclass
class Stage:
    """What stays while packages change: the home, the product, Slack and the people."""

    home: Path
    include: Path
    switches: Switches
    valve: Valve
    slack_url: str
    port: int
    database_port: int
    passwords: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] | None = None

    @property
    def settings(self) -> StackSettings:
        """The same home as the younger package sees it."""
        return StackSettings(root=ROOT, home=self.home, port=self.port, database_port=self.database_port)

    @cached_property
    def pad(self) -> Launchpad:
        """Handles on launches, with clients of this home's api-server."""
        url = self.settings.url
        stack: Any = SimpleNamespace(
            settings=self.settings,
            api=lambda user="admin": AirflowApi(url, user, self.passwords[user]),
        )
        return Launchpad(stack, self.switches, self.valve)

    def messages(self) -> list[dict[str, Any]]:
        """Return what was posted in the launch's channel, in order."""
        state = requests.get(f"{self.slack_url}/control/state", timeout=10).json()
        return next(each["messages"] for each in state["channels"] if each["id"] == LAUNCH_CHANNEL)

    def airflow(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read Airflow's database."""
        with psycopg.connect(self.settings.airflow_dsn) as connection:
            return connection.execute(query, values).fetchall()

    def ledger(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the ledger's database."""
        with psycopg.connect(self.settings.ledger_owner_dsn) as connection:
            return connection.execute(query, values).fetchall()

    def start(self, root: Path, dags: Path) -> str:
        """Start the package of a folder, and return the file from which its code was loaded."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(root / "include"),
            "LAUNCH_INCLUDE": str(self.include),
            "LAUNCH_SLACK_BOT_TOKEN": BRIDGE_TOKEN,
            "LAUNCH_SLACK_APP_TOKEN": SOCKET_TOKEN,
            "LAUNCH_SLACK_CHANNEL": LAUNCH_CHANNEL,
            "LAUNCH_SLACK_API": f"{self.slack_url}/api/",
        }
        log = (self.home.parent / "runner.log").open("a")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, str(RUNNER)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        ready = self._ask(json.dumps(self._described(root, dags)))
        self.passwords = ready["passwords"]
        return str(ready["ready"])

    def _described(self, root: Path, dags: Path) -> dict[str, Any]:
        product = {"conn_type": "http", "host": "127.0.0.1", "port": self.switches.port}
        return {
            "home": str(self.home),
            "root": str(root),
            "port": self.port,
            "database_port": self.database_port,
            "rehearsal": True,
            "dags_folder": str(dags),
            "contacts": str(self.include / "contacts.example.yaml"),
            "extra_environment": {
                "AIRFLOW_CONN_SCRIPTED": json.dumps(product),
                "LAUNCH_INCLUDE": str(self.include),
            },
            "valve": self.valve.port,
            "launchers": [LAUNCHER],
        }

    def stop_part(self, name: str) -> None:
        """Stop one component."""
        self._ask(f"stop {name}")

    def start_part(self, name: str) -> None:
        """Start one component again."""
        self._ask(f"start {name}")

    def stop(self) -> None:
        """Stop everything."""
        if self._process is not None:
            assert self._process.stdin
            with self._process:
                self._process.stdin.close()
                self._process.wait(60)
            self._process = None

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, (self.home.parent / "runner.log").read_text()[-3000:]
        found: dict[str, Any] = json.loads(answer)
        return found


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Make everything but the stack, and stop the stack that is running at the end."""
    older = unpacked(folder / "older")
    include = folder / "include"
    shutil.copytree(older / "include", include, ignore=shutil.ignore_patterns("launch_pipeline"))
    write_checklists(include)
    port, database_port, slack_port = free_ports(3)
    url = f"http://127.0.0.1:{slack_port}"
    with Switches() as switches, Valve(database_port) as valve, _slack(slack_port, include, folder):
        wait_for(lambda: _answers(url), "the stand-in of Slack", 60)
        stage = Stage(folder / "stack", include, switches, valve, url, port, database_port)
        try:
            yield stage
        finally:
            stage.stop()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/control/state", timeout=10).ok
    except requests.ConnectionError:
        return False


@contextmanager
def _slack(port: int, include: Path, folder: Path) -> Iterator[None]:
    given = ("--port", str(port), "--contacts", str(include / "contacts.example.yaml"))
    with (folder / "slack.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "launch_rehearsal.slack_server", *given],
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'rehearsal'}"},
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
