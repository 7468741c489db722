"""Parsing all Dag files against importing the Task SDK alone, each in a fresh interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.rows import Row

ROOT = Path(__file__).parents[2]
ROUNDS = 5

IMPORT = "import airflow.sdk"
PARSE = """
import airflow.sdk, pathlib, runpy, sys
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    runpy.run_path(str(file))
"""


def measure_parsing() -> list[Row]:
    """Median of five."""
    alone = _median(IMPORT)
    parsed = _median(PARSE, str(ROOT / "dags"))
    return [Row("parse all Dag files", parsed, "import airflow.sdk", alone, 1.3)]


def _median(code: str, *arguments: str) -> float:
    return statistics.median(_once(code, *arguments) for _ in range(ROUNDS))


def _once(code: str, *arguments: str) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "PYTHONDONTWRITEBYTECODE": ""}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, env=environment, capture_output=True)
    return time.perf_counter() - began
