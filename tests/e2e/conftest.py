"""Real stacks for the end-to-end tests: Airflow's components, PostgreSQL, a small phase, real people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from chaos.stage import remains, staged
from launch_pipeline.cli.commands.up import users_of
from launch_pipeline.stack.home import prepare_home
from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.stack import Stack
from servers.launches import Launchpad, dags_to_begin
from servers.small_phase import ROOT, small_include
from servers.switches import Switches, Valve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chaos.stage import Stage


@pytest.fixture(scope="package")
def include(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the project's own include folder with a smaller first phase and an impatient policy."""
    return small_include(tmp_path_factory.mktemp("e2e") / "include", fresh_for="8s")


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Start a stack with its bridge and a Slack of its own; afterwards nothing of it may be left."""
    with staged(tmp_path_factory.mktemp("slack")) as running:
        yield running
    assert not remains(running)


@pytest.fixture(scope="package")
def launchpad(include: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launchpad]:
    """Start a stack, with the product's switches and a valve before the ledger."""
    home = tmp_path_factory.mktemp("home")
    port, database_port = free_ports(2)
    with Switches() as switches, Valve(database_port) as valve:
        connections = {
            "AIRFLOW_CONN_SCRIPTED": json.dumps(
                {"conn_type": "http", "host": "127.0.0.1", "port": switches.port}
            ),
            "LAUNCH_INCLUDE": str(include),
            # Nobody changes a Dag here: reading them anew each minute is a tenth of the stack's work.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        }
        settings = StackSettings.resolve(
            home=home,
            root=ROOT,
            port=port,
            database_port=database_port,
            rehearsal=True,
            dags_folder=dags_to_begin(home / "dags"),
            contacts=include / "contacts.example.yaml",
            extra_environment=connections,
        )
        settings = settings.model_copy(update={"users": users_of(settings)})
        prepare_home(home)
        through_valve = settings.ledger_dsn.replace(f":{database_port}/", f":{valve.port}/")
        extra = {**settings.extra_environment, "AIRFLOW_CONN_LAUNCH_LEDGER": through_valve}
        with Stack(settings.model_copy(update={"extra_environment": extra})) as stack:
            yield Launchpad(stack, switches, valve)
