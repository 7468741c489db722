"""``make bench``: run everything, print a table and write JSON. Exit code 1 where a budget is exceeded."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from bench.loop import measure_loop
from bench.parsing import measure_parsing
from bench.phases import measure_phases
from bench.slack import measure_slack
from launch_pipeline.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.rows import Row


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each Dag; the median counts")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the numbers go")
    parser.add_argument("--only", nargs="+", help="parsing, loop, phases, slack; else all of them")
    asked = parser.parse_args()
    measures: dict[str, Callable[[], list[Row]]] = {
        "parsing": measure_parsing,
        "loop": measure_loop,
        "phases": partial(measure_phases, asked.rounds),
        "slack": measure_slack,
    }
    rows = [
        row for name, measure in measures.items() if name in (asked.only or measures) for row in measure()
    ]
    console().print(table_of(rows))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps([row.plain() for row in rows], indent=1), encoding="utf-8")
    return 0 if all(row.kept for row in rows) else 1


def table_of(rows: Iterable[Row]) -> Table:
    """Make the table that is printed."""
    table = Table("what", "measured", "compared with", "ratio", "budget", "")
    for row in rows:
        table.add_row(*row.cells())
    return table


if __name__ == "__main__":
    sys.exit(main())
