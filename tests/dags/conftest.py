"""The Dags as Airflow reads them."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.registry import parameter_models

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from launch_pipeline.checklist.plan import DagPlan

ROOT = Path(__file__).resolve().parents[2]

if "airflow" not in sys.modules:
    # Airflow reads these when it is first imported; nobody's own home is read or written.
    home = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = home
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture(scope="session")
def dag_files() -> list[Path]:
    """Every file that Airflow reads for Dags."""
    return sorted((ROOT / "dags").glob("*.py"))


@pytest.fixture(scope="session")
def bag() -> DagBag:
    """Every shipped Dag."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - after the home is set

    return DagBag(ROOT / "dags")


@pytest.fixture(scope="session")
def dags(bag: DagBag) -> dict[str, Any]:
    """Dags by id."""
    return dict(bag.dags)


@pytest.fixture(scope="session")
def plans() -> dict[str, DagPlan]:
    """Return what the checklists ask for, by Dag id."""
    return plan_dags(load_phases(parameter_models()))
