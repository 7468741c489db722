"""The page that sums the table up: how many conditions have been turned red, and which have not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from breaks.table import Effect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from breaks.table import Row

_HEAD = """\
# Conditions, and what turns them red

A check that cannot fail verifies nothing. So each condition of each shipped check has a *break*: one fact of
the rehearsal's product (a field of an answer, a line of a report, a row of a database, a document, a
certificate) that is altered so that this condition fails and the item is not verified. `make breaks` finds
them and writes [the table](../tests/integration/rehearsal/breaks.yaml) and this page; a test applies every
break again.

- *alone*: only this condition of the check fails.
- *with others*: conditions of the same check fail together, since they read the same fact.
- *as it is*: the rehearsal's product fails it without any break, as the story of the rehearsal explains.
- *unknown*: the check cannot say; it asks the item's owner, so the item is not green.
- *none*: no break; below is why.

"""


def write_page(rows: Iterable[Row], path: Path) -> None:
    """Write the page."""
    held = list(rows)
    phases = dict.fromkeys(row.condition.ref.split(".")[0] for row in held)
    lines = [
        _HEAD,
        "| phase | conditions | alone | with others | as it is | unknown | none |\n",
        "|---|---|---|---|---|---|---|\n",
        *(_line(one, [row for row in held if row.condition.ref.split(".")[0] == one]) for one in phases),
        _line("**all**", held),
        "\n## Without a break\n\n| condition | why |\n|---|---|\n",
        *(_without(row) for row in held if row.effect is Effect.NONE),
    ]
    path.write_text("".join(lines), encoding="utf-8")


def tally(rows: Iterable[Row]) -> Counter[str]:
    """Count the rows by what their break shows."""
    return Counter(map(_word, rows))


def _word(row: Row) -> str:
    if row.effect is Effect.FAILED and not row.breaks:
        return _AS_IT_IS
    return "alone" if row.exact else _NAMES[row.effect]


_AS_IT_IS = "as it is"
_NAMES = {Effect.FAILED: "with others", Effect.INCONCLUSIVE: "unknown", Effect.NONE: "none"}


def _line(name: str, rows: list[Row]) -> str:
    counted = tally(rows)
    cells = [
        name,
        len(rows),
        *(counted[one] for one in ("alone", "with others", _AS_IT_IS, "unknown", "none")),
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


def _without(row: Row) -> str:
    condition = row.condition
    said = _cell(f"{condition.path} {condition.wanted}")
    return f"| `{condition.ref}` {condition.kind}: `{said}` | {_cell(row.reason)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
