"""One real stack with a small phase, a Slack stand-in and its bridge, and the switches of a product."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import psycopg
import requests
from pydantic import SecretStr

from launch_pipeline.airflow.connection_ids import LEDGER_CONNECTION, connection_variable
from launch_pipeline.cli.commands.up import users_of
from launch_pipeline.errors import OperationError
from launch_pipeline.stack.home import held, prepare_home
from launch_pipeline.stack.ports import free_ports, require_free
from launch_pipeline.stack.processes import ComponentSpec
from launch_pipeline.stack.settings import STACK_VARIABLE, StackSettings
from launch_pipeline.stack.slack_access import SlackAccess
from launch_pipeline.stack.stack import Stack
from launch_rehearsal.slack_server.base.settings import BRIDGE_TOKEN, LAUNCH_CHANNEL, SOCKET_TOKEN
from servers.launches import Launchpad, dags_to_begin
from servers.programs import wait_for
from servers.small_phase import ROOT, small_include
from servers.switches import Switches, Valve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLACK = "slack"
SLACK_SECONDS = 60.0
NOTICE_SECONDS = 10.0
_LOCKS = """
    SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND datname = current_database()
"""
"""Those of the guard. The bridge holds one in the ledger's database for as long as it leads."""


@dataclass
class Stage:
    """Everything that can be broken, and where people answer."""

    pad: Launchpad
    slack_url: str
    _held_until: float = 0.0
    _later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    @property
    def stack(self) -> Stack:
        """The supervised processes."""
        return self.pad.stack

    def revive(self) -> None:
        """Let the stack start again what has ended, unless something is to stay away for now."""
        now = time.monotonic()
        for action in [action for due, action in self._later if now >= due]:
            action()
        self._later = [each for each in self._later if each[0] > now]
        if now >= self._held_until:
            self.stack.check()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something at the first ``revive`` after some time, such as to end a fault."""
        self._later.append((time.monotonic() + seconds, action))

    def hold(self, seconds: float) -> None:
        """Start nothing again for some time."""
        self._held_until = time.monotonic() + seconds

    def left_behind(self) -> tuple[str, ...]:
        """Return the processes and locks without an owner, once everything had time to notice."""
        found: tuple[str, ...] = ()
        end = time.monotonic() + NOTICE_SECONDS
        while time.monotonic() < end:
            found = (*self._orphans(), *self._locks())
            if not found:
                break
            time.sleep(0.2)
        return found

    def _orphans(self) -> list[str]:
        """Return the processes of this stack that belong to no running component."""
        owned = {member.pid for each in self.stack._components.values() for member in each.members()}
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get(STACK_VARIABLE) == str(self.stack.settings.home)
                if ours and process.pid not in {*owned, os.getpid()}:
                    found.append(f"process {process.pid}: {' '.join(process.cmdline())[:80]}")
        return found

    def _locks(self) -> list[str]:
        settings = self.stack.settings
        with suppress(psycopg.Error), psycopg.connect(settings.airflow_dsn, connect_timeout=5) as connection:
            return [f"advisory lock of {pid}" for (pid,) in connection.execute(_LOCKS).fetchall()]
        return ["locks of a database that does not answer"]

    def tasks(self) -> list[psutil.Process]:
        """Return the processes in which tasks run at this moment."""
        return [child for worker in self.workers() for child in _children(worker.pid)]

    def workers(self) -> list[psutil.Process]:
        """Return the local executor's workers."""
        scheduler = self.stack.component("scheduler")
        return _children(scheduler.pid) if scheduler.pid and scheduler.running() else []


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(pid).children()
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
            dags_folder=dags_to_begin(home / "dags"),
            contacts=include / "contacts.example.yaml",
            slack=access,
            extra_environment={
                "AIRFLOW_CONN_SCRIPTED": json.dumps(product),
                "LAUNCH_INCLUDE": str(include),
            },
        )
        settings = settings.model_copy(update={"users": users_of(settings)})
        prepare_home(settings.home)
        through_valve = settings.ledger_dsn.replace(f":{database_port}/", f":{valve.port}/")
        extra = {**settings.extra_environment, connection_variable(LEDGER_CONNECTION): through_valve}
        settings = settings.model_copy(update={"extra_environment": extra})
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
        command=(sys.executable, "-m", "launch_rehearsal.slack_server", *given),
        environment=settings.component_environment(),
    )


def remains(stage: Stage) -> tuple[str, ...]:
    """Return what is left of a stage that has ended: processes, ports, its home's lock."""
    settings = stage.stack.settings
    left = stage._orphans()
    with suppress(OperationError):
        for port in (settings.port, settings.database_port):
            require_free(settings.host, port, "")
        return (*left, *(["the home's lock"] if held(settings.home) else []))
    return (*left, f"port {settings.port} or {settings.database_port}")
