"""Tables can be read where no terminal is: in a pipe, a file, a log of continuous integration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BENCH = """
from bench.__main__ import table_of
from bench.rows import Row
row = Row("items of a phase, from request to record", 12.345, "bare Airflow", 11.5, 1.5)
console().print(table_of([row]))
"""
CHAOS = """
from chaos.__main__ import table_of
from chaos.faults import Fault
from chaos.reckoning import Reckoning
from chaos.rounds import Round
reckoning = Reckoning(**dict.fromkeys(Reckoning.__dataclass_fields__, 1234))
console().print(table_of([Round(Fault.LEDGER, reckoning, 12.3, 45.6, (), 1.0)]))
"""
REHEARSAL = """
from launch_rehearsal.run.display import outcome_table
from launch_rehearsal.run.summary import Summary
console().print(outcome_table(Summary(launch_id="R", lines=(), waivers=(), verified=0)))
"""
CHECK = """
from launch_pipeline.checks.verdict import Finding
from launch_pipeline.cli.commands.check import _table
from launch_pipeline.cli.console import out
finding = Finding(subject="api.shop.example.org/health", expression="json.components.database.state",
                  actual="degraded since midnight", wanted="== 'operational'", holds=False)
out().print(_table((finding,)))
"""
TABLES = {
    "bench": (BENCH, ["items of a phase, from request to record", "bare Airflow 11.50 s", "kept"]),
    "chaos": (CHAOS, ["ledger-away", "decisions", "incomplete", "slowest answer", "12.3 s", "45.6 s"]),
    "rehearsal": (REHEARSAL, ["the document", "not applicable", "not reached", "total"]),
    "check": (CHECK, ["json.components.database.state", "degraded since midnight", "== 'operational'"]),
}


def printed(code: str, **environment: str) -> str:
    """Return what a program writes into a pipe, without any terminal near it."""
    known = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "FORCE_COLOR"}}
    paths = os.pathsep.join(map(str, (ROOT / "include", ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", f"from launch_pipeline.cli.console import console\n{code}"],
        env={**known, "PYTHONPATH": paths, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(("code", "words"), TABLES.values(), ids=TABLES.keys())
def test_no_cell_is_broken_in_a_pipe(code: str, words: list[str]) -> None:
    """Every heading and every cell stands whole on one line."""
    text = printed(code)
    assert [word for word in words if word not in text] == []


def test_a_given_width_is_kept() -> None:
    """Where ``COLUMNS`` says how wide it is, that counts."""
    assert printed("print(console().width, console(stderr=True).width)", COLUMNS="72") == "72 72\n"
