"""A ledger, an include folder and Airflow's channel for every test of this room."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from servers import airflow_home

airflow_home.prepare()

from airflow.sdk.execution_time import task_runner  # noqa: E402

from launch_pipeline.airflow.hooks import ledger as ledger_hook  # noqa: E402
from launch_pipeline.approvals.deployed import policy  # noqa: E402
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan  # noqa: E402
from launch_pipeline.ledger.launches import Launches  # noqa: E402
from launch_pipeline.ledger.ledger import Ledger  # noqa: E402
from servers.airflow_task import Supervisor  # noqa: E402
from servers.include_folder import IncludeFolder  # noqa: E402
from servers.item_tasks import a_launch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Take back what Airflow sets for a task: as it thinks, its process ends with the task."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncludeFolder:
    """Give a folder of checklists, policy, environments and contacts of the test's own."""
    folder = IncludeFolder(tmp_path / "include")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(folder.path))
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)
    return folder


@pytest.fixture
def supervisor(include: IncludeFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """Give Airflow's side of the channel, without any connection."""
    del include
    made = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    monkeypatch.setattr(ledger_hook, "_known_launches", {})
    yield made
    assert not made.mistakes


@pytest.fixture
def ledger(supervisor: Supervisor, dsn: str) -> Ledger:
    """Give the ledger that the tasks reach by the connection ``launch_ledger``."""
    supervisor.postgres(dsn)
    return Ledger(dsn)


@pytest.fixture
def launched(ledger: Ledger, dsn: str, request: pytest.FixtureRequest) -> Ledger:
    """Give the same with the launch that the tests' tasks belong to; a parameter changes its fields."""
    dags = deployed_dags()
    digests = {dag_id: dag.digest for dag_id, dag in dags.items()}
    launch = a_launch(checklist_digests=digests, **getattr(request, "param", {}))
    Launches(dsn).start(launch, launch_plan(dags, policy()), [dag.definition for dag in dags.values()])
    return ledger
