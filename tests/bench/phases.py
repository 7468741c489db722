"""Forty checks as our items, as stock tasks and as EmptyOperators, on one real stack."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from bench.rows import Row
from servers.launches import PHASE, Launchpad, Run
from servers.switches import Switches, Valve

from launch_pipeline.runtime.ports import free_ports
from launch_pipeline.runtime.settings import StackSettings
from launch_pipeline.runtime.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
COUNT = 40
OTHERS = ("bench_stock_tasks", "bench_empty_operators")


def measure_phases(rounds: int) -> list[Row]:
    """Run each Dag in turn, ``rounds`` times; compare medians."""
    with tempfile.TemporaryDirectory(prefix="launch-bench-") as folder, Switches() as switches:
        switches.on("/health")
        settings = _settings(Path(folder), switches.port)
        with Stack(settings) as stack, Valve(settings.database_port) as valve:
            pad = Launchpad(stack, switches, valve)
            _run(pad, PHASE)
            took: dict[str, list[tuple[float, float]]] = {dag: [] for dag in (PHASE, *OTHERS)}
            for _ in range(rounds):
                for dag_id, seen in took.items():
                    seen.append(_times(_run(pad, dag_id)))
    return list(_rows(took))


def _rows(took: dict[str, list[tuple[float, float]]]) -> Iterator[Row]:
    checks = {dag: statistics.median(items for items, _ in seen) for dag, seen in took.items()}
    runs = {dag: statistics.median(whole for _, whole in seen) for dag, seen in took.items()}
    stock, empty = OTHERS
    yield Row("40 checks as items", checks[PHASE], "as @task", checks[stock], 1 / 3)
    yield Row("40 checks as items", checks[PHASE], "as EmptyOperator", checks[empty], 2.5)
    yield Row("the same, run with gate and announce", runs[PHASE], "as @task", runs[stock])
    yield Row("the same, run with gate and announce", runs[PHASE], "as EmptyOperator", runs[empty])


def _run(pad: Launchpad, dag_id: str) -> Run:
    run = pad.begin(dag_id, name="bench")
    if run.until_ended() != "success":
        raise RuntimeError(f"{dag_id} failed: {run.tasks()}")
    return run


def _times(run: Run) -> tuple[float, float]:
    """Seconds until the last of the forty ended, and until the run ended."""
    whole = run.pad.api().dag_run(run.dag_id, run.id) or {}
    began = datetime.fromisoformat(whole["start_date"])
    ends = [t["end_date"] for name, t in run.tasks().items() if "check_" in name]
    last = max(datetime.fromisoformat(end) for end in ends)
    ended = datetime.fromisoformat(whole["end_date"])
    return (last - began).total_seconds(), (ended - began).total_seconds()


def _settings(folder: Path, port: int) -> StackSettings:
    include = folder / "include"
    shutil.copytree(ROOT / "include", include, ignore=shutil.ignore_patterns("launch_pipeline", "__pycache__"))
    (include / "checklists" / "01_pre_launch_requirements.yaml").write_text(_checklist(), encoding="utf-8")
    (include / "environments" / "e2e.yaml").write_text("name: e2e\nrehearsal: true\n", encoding="utf-8")
    dags = folder / "dags"
    shutil.copytree(Path(__file__).parent / "dags", dags)
    shutil.copy(ROOT / "dags" / f"{PHASE}.py", dags)
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
    check = {"http_request": {"conn_id": "api", "path": "/health"}}
    items = [
        {
            "id": f"check_{number}",
            "text": f"Service {number} is healthy",
            "mode": "check",
            "owner": "technical_lead",
            "how": "Its health page answers.",
            "on_failure": "Start it.",
            "checks": [check],
        }
        for number in range(COUNT)
    ]
    phase = {
        "schema_version": 1,
        "id": "pre_launch_requirements",
        "title": "Forty checks",
        "when": "now",
        "dag": PHASE,
        "description": "Forty checks.",
        "sections": [{"id": "checks", "title": "Checks", "items": items}],
    }
    return yaml.safe_dump(phase, sort_keys=False)
