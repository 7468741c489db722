"""``launch doctor --deployment``: whether a deployment is ready for a launch, and what to do if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.doctor.deployment.rows import Examined, Row, Standing, unknown
from launch_pipeline.errors import LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console


BOT_TOKEN, CHANNEL, SLACK_API = "LAUNCH_SLACK_BOT_TOKEN", "LAUNCH_SLACK_CHANNEL", "LAUNCH_SLACK_API"


def examine(deployment: Examined) -> Iterator[Row]:
    """Look at everything, in an order in which a person mends it; one look that fails ends no other."""
    from launch_pipeline.doctor.deployment import airflow, ledger, slack  # noqa: PLC0415

    looks: Mapping[str, Callable[[Examined], Iterator[Row]]] = {
        "airflow": airflow.airflow,
        "all-admins mode": airflow.open_door,
        "plugin": airflow.plugin,
        "guard": airflow.guard,
        "Dags": airflow.dags,
        "people": airflow.people,
        "connections": airflow.connections,
        "slack": slack.slack,
        "ledger": ledger.ledger,
        "clock": ledger.clock,
    }
    for what, look in looks.items():
        try:
            yield from look(deployment)
        except LaunchError as error:
            yield unknown(what, str(error), "mend what the sentence names, then run this again.")


_MARKS = {
    Standing.OK: ("✓", "green"),
    Standing.PROBLEM: ("✗", "bold red"),
    Standing.UNKNOWN: ("?", "bold red"),
    Standing.UNUSED: ("·", "dim"),
}


def show(console: Console, row: Row) -> None:
    """Print one row as it comes, and below it what to do."""
    mark, style = _MARKS[row.standing]
    console.print(mark, style=style, end=" ")
    console.print(f"{row.what}: {row.says}", markup=False)
    if row.wrong:
        console.print(f"  → {row.fix}", markup=False)
