"""``make chaos``: kill each component in the middle of real launches, and count what became of decisions.

Examples:
  make chaos                                          every fault, three times
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

from rich.console import Console
from rich.table import Table

from chaos.faults import Fault
from chaos.rounds import Round, play
from chaos.stage import staged

COLUMNS = ("fault", "decisions", "lost", "doubled", "invented", "opened", "incomplete", "recovery")


def main() -> int:
    """Play all rounds; exit code 1 where one was not clean."""
    asked = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("chaos").setLevel(logging.INFO)
    console, rounds = Console(stderr=True), []
    with tempfile.TemporaryDirectory(prefix="chaos-") as home, staged(Path(home)) as stage:
        for number in range(asked.rounds):
            for fault in asked.faults:
                rng = random.Random(f"{asked.seed}/{number}/{fault}")  # noqa: S311 - a moment, no secret
                console.print(f"round {number + 1}, {fault} …")
                played = play(stage, fault, rng, f"{number + 1}-{fault}", launches=2 if asked.short else 4)
                console.print(f"  {played}")
                rounds.append(played)
    Console().print(_table(rounds))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps([r.plain() for r in rounds], indent=1), encoding="utf-8")
    return 0 if all(r.reckoning.clean for r in rounds) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", nargs="+", type=Fault, default=list(Fault), help=", ".join(Fault))
    parser.add_argument("--rounds", type=int, default=3, help="times each fault")
    parser.add_argument("--seed", type=int, default=1, help="of the moments; the same gives the same")
    parser.add_argument("--short", action="store_true", help="one round with fewer launches")
    parser.add_argument("--json", type=Path, default=Path("build/chaos.json"), help="where the numbers go")
    asked = parser.parse_args()
    asked.rounds = 1 if asked.short else asked.rounds
    return asked


def _table(rounds: list[Round]) -> Table:
    table = Table(*COLUMNS)
    for fault in dict.fromkeys(r.fault for r in rounds):
        mine = [r for r in rounds if r.fault is fault]
        counts = [
            sum(getattr(r.reckoning, name) for r in mine)
            for name in ("decisions", "lost", "doubled", "invented", "opened", "incomplete")
        ]
        slowest = max(r.recovery for r in mine)
        table.add_row(fault, *map(str, counts), f"{slowest:.1f} s")
    return table


if __name__ == "__main__":
    sys.exit(main())
