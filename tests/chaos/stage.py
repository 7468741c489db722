"""One real stack with a small phase, a Slack stand-in and its bridge, and the switches of a product."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import requests
from pydantic import SecretStr

from launch_pipeline.cli.up import users_of
from launch_pipeline.rehearsal.slack.settings import BRIDGE_TOKEN, LAUNCH_CHANNEL, SOCKET_TOKEN
from launch_pipeline.runtime.home import prepare_home
from launch_pipeline.runtime.ports import free_ports
from launch_pipeline.runtime.processes import ComponentSpec
from launch_pipeline.runtime.settings import StackSettings
from launch_pipeline.runtime.slack import SlackAccess
from launch_pipeline.runtime.stack import Stack
from servers.launches import Launchpad
from servers.programs import wait_for
from servers.small_phase import ROOT, small_include
from servers.switches import Switches, Valve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLACK = "slack"
SLACK_SECONDS = 60.0


@dataclass
class Stage:
    """Everything that can be broken, and where people answer."""

    pad: Launchpad
    slack_url: str

    @property
    def stack(self) -> Stack:
        """The supervised processes."""
        return self.pad.stack

    def revive(self) -> list[str]:
        """Start what has ended, as a container's restart policy does; give its names."""
        dead = [c for c in self.stack._components.values() if c.pid and not c.running()]
        for component in dead:
            component.stop()
            component.start()
        return [component.name for component in dead]

    def tasks(self) -> list[psutil.Process]:
        """The processes in which tasks run at this moment."""
        return [child for worker in self.workers() for child in _children(worker)]

    def workers(self) -> list[psutil.Process]:
        """The local executor's workers."""
        scheduler = self.stack.component("scheduler").pid
        return _children(psutil.Process(scheduler)) if scheduler else []


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children()
    return []


@contextmanager
def staged(home: Path, include: Path | None = None) -> Iterator[Stage]:
    """Start everything below ``home``, with a small phase or other files; afterwards nothing of it runs."""
    include = include or small_include(home / "include")
    port, database_port, slack_port = free_ports(3)
    url = f"http://127.0.0.1:{slack_port}"
    access = SlackAccess(
        bot_token=SecretStr(BRIDGE_TOKEN),
        app_token=SecretStr(SOCKET_TOKEN),
        channel=LAUNCH_CHANNEL,
        api=f"{url}/api/",
    )
    with Switches() as switches, Valve(database_port) as valve:
        product = {"conn_type": "http", "host": "127.0.0.1", "port": switches.port}
        settings = StackSettings.resolve(
            home=home / "stack",
            root=ROOT,
            port=port,
            database_port=database_port,
            rehearsal=True,
            contacts=include / "contacts.example.yaml",
            slack=access,
            extra_environment={
                "AIRFLOW_CONN_SCRIPTED": json.dumps(product),
                "LAUNCH_INCLUDE": str(include),
            },
        )
        settings = settings.model_copy(update={"users": users_of(settings)})
        prepare_home(settings.home)
        with Stack(settings, [_slack(settings, slack_port)]) as stack:
            # A stack does not wait for what runs beside it.
            wait_for(lambda: _answers(url), "the stand-in of Slack", SLACK_SECONDS)
            yield Stage(Launchpad(stack, switches, valve), url)


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/control/state", timeout=10).ok
    return False


def _slack(settings: StackSettings, port: int) -> ComponentSpec:
    given = ("--port", str(port), "--contacts", str(settings.contacts))
    return ComponentSpec(
        name=SLACK,
        command=(sys.executable, "-m", "launch_pipeline.rehearsal.slack", *given),
        environment=settings.component_environment(),
    )
