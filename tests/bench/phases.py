"""Forty checks as our items, as stock tasks and as EmptyOperators, on one real stack."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

import yaml

from bench.rows import Row
from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.stack import Stack
from servers.launches import Launchpad, dags_to_begin
from servers.switches import Switches, Valve

ROOT = Path(__file__).parents[2]
COUNT = 40
DAGS = ("bench_items", "bench_stock_tasks", "bench_empty_operators")


def measure_phases(rounds: int) -> list[Row]:
    """Run each Dag in turn, ``rounds`` times; compare medians."""
    with tempfile.TemporaryDirectory(prefix="launch-bench-") as folder, Switches() as switches:
        switches.on("/health")
        settings = _settings(Path(folder), switches.port)
        with Stack(settings) as stack, Valve(settings.database_port) as valve:
            pad = Launchpad(stack, switches, valve)
            for dag_id in DAGS:
                _seconds(pad, dag_id)
            took = {dag_id: [_seconds(pad, dag_id)] for dag_id in DAGS}
            for _ in range(rounds - 1):
                for dag_id, seen in took.items():
                    seen.append(_seconds(pad, dag_id))
    items, stock, empty = (statistics.median(seen) for seen in took.values())
    return [
        Row("40 checks as items", items, "as @task", stock, 1 / 3),
        Row("40 checks as items", items, "as EmptyOperator", empty, 2.5),
    ]


def _seconds(pad: Launchpad, dag_id: str) -> float:
    """Run a Dag once; seconds from its start to its end, by Airflow's own clock."""
    run = pad.begin(dag_id, name="bench")
    if run.until_ended() != "success":
        raise RuntimeError(f"{dag_id} failed: {run.tasks()}")
    whole = pad.api().dag_run(dag_id, run.id) or {}
    began, ended = (datetime.fromisoformat(whole[key]) for key in ("start_date", "end_date"))
    return (ended - began).total_seconds()


def _settings(folder: Path, port: int) -> StackSettings:
    include = folder / "include"
    shutil.copytree(
        ROOT / "include", include, ignore=shutil.ignore_patterns("launch_pipeline", "__pycache__")
    )
    (include / "checklists" / "01_pre_launch_requirements.yaml").write_text(_checklist(), encoding="utf-8")
    (include / "environments" / "e2e.yaml").write_text("name: e2e\nrehearsal: true\n", encoding="utf-8")
    dags = dags_to_begin(folder / "dags", Path(__file__).parent / "dags")
    api = {"conn_type": "http", "host": "127.0.0.1", "port": port}
    variables = {
        "AIRFLOW_CONN_API": json.dumps(api),
        "BENCH_URL": f"http://127.0.0.1:{port}/health",
        "LAUNCH_INCLUDE": str(include),
    }
    home = folder / "home"
    return StackSettings.resolve(
        home=home,
        root=ROOT,
        port=free_ports(1)[0],
        dags_folder=dags,
        rehearsal=True,
        contacts=include / "contacts.example.yaml",
        extra_environment=variables,
    )


def _checklist() -> str:
    items = [
        {
            "id": f"check_{number}",
            "text": f"Service {number} is healthy",
            "mode": "check",
            "owner": "technical_lead",
            "how": "Its health page answers.",
            "on_failure": "Start it.",
            "checks": [{"http_request": {"conn_id": "api", "path": "/health"}}],
        }
        for number in range(COUNT)
    ]
    phase = {
        "schema_version": 1,
        "id": "pre_launch_requirements",
        "title": "Forty checks",
        "when": "now",
        "dag": "bench_items",
        "description": "Forty checks.",
        "sections": [{"id": "checks", "title": "Checks", "items": items}],
    }
    return yaml.safe_dump(phase, sort_keys=False)
