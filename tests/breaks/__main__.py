"""``make breaks``: find for every condition of every check the break of the fake product that turns it red.

The rows of the table that still hold are kept; what is new, changed or was not turned red is searched.

Examples:
  make breaks                                                        what is new or does not hold any more
  PYTHONPATH=tests python -m breaks --again                          everything anew
  PYTHONPATH=tests python -m breaks --only launch_day team_preparation.on_call_setup
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import track

from breaks.conditions import every_check, every_condition
from breaks.page import tally, write_page
from breaks.search import TRIES, differs, search
from breaks.stage import Stage, staged, trusting
from breaks.table import TABLE, Effect, read_table, write_table
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.cli.console import console

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from breaks.conditions import Check, Condition
    from breaks.table import Row

    Known = dict[Condition, Row]

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"


def main() -> int:
    """Write the table and the page; exit code 130 if it was interrupted, with what was found until then."""
    asked = _arguments()
    # What is altered makes the product's own readers stumble; that is no news.
    logging.disable(logging.CRITICAL)
    known = {row.condition: row for row in read_table(every_condition(), asked.table)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # tidy up, as after Ctrl-C
    began = time.monotonic()
    try:
        _on_a_product(partial(_found, known, asked))
        # What was found must show the same on a product that was not tried on all the time.
        _on_a_product(partial(_proved, known, asked))
    except KeyboardInterrupt:
        return 130
    finally:
        _keep(known, asked)
    said = ", ".join(f"{count} {name}" for name, count in tally(known.values()).items())
    console().print(f"{len(known)} conditions: {said}; {time.monotonic() - began:.0f} s")
    return 0


def _on_a_product(work: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    with tempfile.TemporaryDirectory(prefix="breaks-") as home, staged(Path(home) / "home") as product:
        trust = trusting(product)
        try:
            asyncio.run(work(Stage(product)))
        finally:
            trust.undo()


def _wanted(what: str, asked: argparse.Namespace) -> Iterable[Check]:
    wanted = [one for one in every_check() if not asked.only or one.ref.startswith(tuple(asked.only))]
    return track(wanted, what, console=console(stderr=True))


async def _found(known: Known, asked: argparse.Namespace, stage: Stage) -> None:
    """Search the breaks of the checks that have none, or not for each condition."""
    try:
        for check in _wanted("search", asked):
            if asked.again or not await _holds(stage, check, known):
                known.update({row.condition: row for row in await search(stage, check, asked.tries)})
    finally:
        await close_clients()


async def _proved(known: Known, asked: argparse.Namespace, stage: Stage) -> None:
    """Search again, without the break that shows something else, where one does."""
    try:
        for check in _wanted("prove", asked):
            rows = [known[one] for one in check.conditions if one in known]
            wrong = {row.breaks for row in rows if differs(row, await stage.ask(check, row.breaks))}
            if wrong:
                again = await search(stage, check, asked.tries, wrong)
                known.update({row.condition: row for row in again})
    finally:
        await close_clients()


async def _holds(stage: Stage, check: Check, known: Known) -> bool:
    """Return whether each condition of a check has a row that says how it fails, and it does."""
    rows = [known.get(condition) for condition in check.conditions]
    for row in rows:
        if row is None or row.effect is not Effect.FAILED or not (row.breaks or check.ref in stage.limits):
            return False
        if differs(row, await stage.ask(check, row.breaks)):
            return False
    return True


def _keep(known: Known, asked: argparse.Namespace) -> None:
    rows = [known[one] for one in every_condition() if one in known]
    write_table(rows, asked.table)
    if asked.table == TABLE:
        write_page(rows, PAGE)


def _arguments() -> argparse.Namespace:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="make breaks", description=__doc__, formatter_class=layout)
    parser.add_argument("--again", action="store_true", help="search also what the table has")
    parser.add_argument("--only", nargs="+", metavar="ITEM", help="beginnings of items: phase.section.item")
    parser.add_argument("--tries", type=int, default=TRIES, help="breaks tried for each check (%(default)s)")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table to read and to write")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
