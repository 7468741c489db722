"""``make chaos``: kill each component in the middle of real launches, and count what became of decisions.

Examples:
  make chaos                                          every fault, three times; docs/unbreakable.md anew
  PYTHONPATH=tests python -m chaos --short            each fault once, with fewer launches
  PYTHONPATH=tests python -m chaos --faults task bridge --seed 7 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from chaos.faults import Fault
from chaos.page import COLUMNS, rows, write
from chaos.rounds import play
from chaos.stage import remains, staged
from launch_pipeline.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaos.rounds import Round
    from chaos.stage import Stage


def main() -> int:
    """Play all rounds; exit code 1 where one was not clean, or something was left when all was over."""
    asked = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("chaos").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        with staged(Path(home)) as stage:
            rounds: list[Round] = []
            for played in _rounds(stage, asked):
                rounds.append(played)
                # At once: a run that is broken off has measured something all the same.
                _keep(asked, rounds)
        left = remains(stage)
    out = console()
    out.print(table_of(rounds))
    for line in (*left, *(line for played in rounds for line in played.left)):
        out.print(f"left: {line}", style="red")
    return 0 if all(played.clean for played in rounds) and not left else 1


def table_of(rounds: Sequence[Round]) -> Table:
    """Make the table that is printed."""
    table = Table(*COLUMNS)
    for row in rows(rounds):
        table.add_row(*row)
    return table


def _rounds(stage: Stage, asked: argparse.Namespace) -> Iterator[Round]:
    err = console(stderr=True)
    for number in range(asked.rounds):
        for fault in asked.faults:
            rng = random.Random(f"{asked.seed}/{number}/{fault}")  # noqa: S311 - a moment, no secret
            err.print(f"round {number + 1}, {fault} …")
            played = play(stage, fault, rng, f"{number + 1}-{fault}", launches=2 if asked.short else 3)
            err.print(f"  {played}")
            yield played


def _keep(asked: argparse.Namespace, rounds: list[Round]) -> None:
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps([played.plain() for played in rounds], indent=1), encoding="utf-8")
    if asked.markdown:
        write(asked.markdown, rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", nargs="+", type=Fault, default=list(Fault), help=", ".join(Fault))
    parser.add_argument("--rounds", type=int, default=3, help="times each fault")
    parser.add_argument("--seed", type=int, default=1, help="of the moments; the same gives the same")
    parser.add_argument("--short", action="store_true", help="one round with fewer launches")
    parser.add_argument("--json", type=Path, default=Path("build/chaos.json"), help="where the numbers go")
    parser.add_argument("--markdown", type=Path, help="page whose table is written anew")
    asked = parser.parse_args()
    asked.rounds = 1 if asked.short else asked.rounds
    return asked


if __name__ == "__main__":
    sys.exit(main())
