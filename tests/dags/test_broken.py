"""A broken checklist is an import error that says what to do, and breaks nothing else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, WATCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

WINDOWS = {"launch_day_t_minus_2h", "launch_day_t_0", "launch_day_t_plus_1h", "launch_day_t_plus_4h"}

# File, what is right in it, what is written instead, the Dags that break, what the import error says.
BREAKS = [
    (
        "02_infrastructure_setup.yaml",
        "    text: PostgreSQL provisioned with HA\n    mode: check\n",
        "    text: PostgreSQL provisioned with HA\n    mode: chek\n",
        {"week_2_infrastructure_setup"},
        ("database.postgresql_ha: mode", "'chek' is not allowed", "Fix: Write 'check'"),
    ),
    (
        "08_launch_day.yaml",
        "    - redis_info:\n",
        "    - redis_inf:\n",
        WINDOWS,
        ("t_minus_2h.systems_operational: check ", "no check kind 'redis_inf'", "Fix: Write 'redis_info'"),
    ),
    (
        "11_rollback.yaml",
        "  after: [images, dns]",
        "  after: [images, people]",
        {"rollback"},
        ("waits for itself", "people.stakeholders_told", "Fix: Remove one 'after'"),
    ),
]


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy of the checklists that the Dags read."""
    shutil.copytree(checklist_folder(), tmp_path / "checklists")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(tmp_path))
    return tmp_path


@pytest.fixture
def reparse(dag_files: list[Path]) -> Callable[[], DagBag]:
    """Parse all Dag files anew, as the Dag processor does after a while."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - after the home is set

    return lambda: DagBag(dag_files[0].parent)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "broken", "words"), BREAKS, ids=[row[0] for row in BREAKS]
)
def test_mistake_is_an_import_error(  # the row of the table, and what it is tried on
    file: str,
    right: str,
    wrong: str,
    broken: set[str],
    words: tuple[str, ...],
    include: Path,
    reparse: Callable[[], DagBag],
) -> None:
    """Airflow shows file, item, value and fix for the Dags of that file; the others are there as ever."""
    path = include / "checklists" / file
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    bag = reparse()
    assert {name.rpartition("/")[2].removesuffix(".py") for name in bag.import_errors} == broken
    assert set(bag.dags) == {CONDUCTOR, *ALL_PHASES, WATCH} - broken
    for error in bag.import_errors.values():
        for word in (file, *words):
            assert word in error


def test_missing_checklist_is_an_import_error(include: Path, reparse: Callable[[], DagBag]) -> None:
    """A file that is gone is told; its Dag does not silently lose its items."""
    (include / "checklists" / "05_monitoring_alerting.yaml").unlink()
    bag = reparse()
    (error,) = bag.import_errors.values()
    assert "05_monitoring_alerting.yaml" in error
    assert "Fix: Restore the file" in error
    assert len(bag.dags) == len(ALL_PHASES) + 1


def test_renamed_dag_is_an_import_error(include: Path, reparse: Callable[[], DagBag]) -> None:
    """A Dag file and its checklist name the same Dag, or neither runs."""
    path = include / "checklists" / "07_team_preparation.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("dag: week_3_team_preparation", "dag: week_3_team")
    )
    bag = reparse()
    (error,) = bag.import_errors.values()
    assert "has no Dag 'week_3_team_preparation'" in error
