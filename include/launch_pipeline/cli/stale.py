"""Show which items a change of a launch has made stale."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from launch_pipeline.cli.console import out, readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def show_stale(reply: Mapping[str, Any]) -> None:
    """Print the items that are verified again after a change, by phase, with what changed for each."""
    console = out()
    if unknown := reply.get("stale_unknown"):
        console.print(f"What this makes stale is not known yet: {readable(unknown)}", markup=False)
    found: Sequence[dict[str, Any]] = reply.get("stale") or ()
    counts = Counter(readable(one["phase"]) for one in found)
    if found:
        items = "item is" if len(found) == 1 else "items are"
        console.print(f"{len(found)} {items} verified again:")
    for phase, number in counts.items():
        console.print(f"  {phase}: {number}", markup=False)
        for one in found:
            if readable(one["phase"]) == phase:
                console.print(f"    {readable(one['text'])} ", markup=False, end="")
                console.print(readable("; ".join(one["why"])), markup=False, style="dim")
