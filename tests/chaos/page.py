"""The table of a run of ``make chaos``, on the screen and in docs/unbreakable.md."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from chaos.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from chaos.rounds import Round

COUNTS = ("decisions", "carried", "lost", "doubled", "invented", "opened", "incomplete", "broken")
COLUMNS = ("fault", "rounds", *COUNTS, "left", "recovery", "slowest answer")
BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
_PLACE = re.compile(f"{BEGIN}.*{END}", re.DOTALL)


def rows(rounds: Sequence[Round]) -> Iterable[tuple[str, ...]]:
    """One row for each fault: counts added up over its rounds, times of the slowest round."""
    for fault in dict.fromkeys(played.fault for played in rounds):
        mine = [played for played in rounds if played.fault is fault]
        counts = (str(sum(getattr(played.reckoning, name) for played in mine)) for name in COUNTS)
        left = str(sum(len(played.left) for played in mine))
        recovery = max(played.recovery for played in mine)
        slowest = f"{max(played.slowest for played in mine):.1f} s"
        shown = "-" if fault is Fault.NONE else f"{recovery:.1f} s"
        yield (fault.value, str(len(mine)), *counts, left, shown, slowest)


def write(page: Path, rounds: Sequence[Round]) -> None:
    """Put the table, and how it was measured, between the page's marks."""
    lines = [BEGIN, "", _measured(rounds), "", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [*map(_line, rows(rounds)), "", END]
    text = page.read_text(encoding="utf-8")
    if not _PLACE.search(text):
        message = f"{page} has no place for the table: {BEGIN} … {END}"
        raise SystemExit(message)
    page.write_text(_PLACE.sub(lambda _: "\n".join(lines), text), encoding="utf-8")


def _measured(rounds: Sequence[Round]) -> str:
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 2**30
    minutes = sum(played.seconds for played in rounds) / 60
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {len(rounds)} rounds in {minutes:.0f} minutes, "
        f"on {cores} cores with {memory:.0f} GB and a load of {os.getloadavg()[2]:.1f}, "
        f"Python {platform.python_version()}, {platform.system()}."
    )


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
