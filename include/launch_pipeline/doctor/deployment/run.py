"""``launch doctor --deployment``: whether a deployment is ready for a launch, and what to do if not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.checks.verdict import Frozen
from launch_pipeline.cli.options import secret
from launch_pipeline.errors import LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.cli.options import Target

BOT_TOKEN, CHANNEL, SLACK_API = "LAUNCH_SLACK_BOT_TOKEN", "LAUNCH_SLACK_CHANNEL", "LAUNCH_SLACK_API"
SECRETS = "LAUNCH_SECRETS"


class Standing(StrEnum):
    """How one thing stands."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """Nobody could find out; no deployment is ready that way."""
    UNUSED = "unused"
    """Not set up, and nothing needs it."""


class Row(Frozen):
    """One thing that was looked at."""

    what: str
    standing: Standing
    says: str
    fix: str = ""
    """What to do, where it is not ok."""

    @property
    def wrong(self) -> bool:
        """Whether somebody must do something before a launch."""
        return self.standing in {Standing.PROBLEM, Standing.UNKNOWN}


def ok(what: str, says: str) -> Row:
    """Make a row of what is as it should be."""
    return Row(what=what, standing=Standing.OK, says=says)


def problem(what: str, says: str, fix: str) -> Row:
    """Make a row of what somebody must mend."""
    return Row(what=what, standing=Standing.PROBLEM, says=says, fix=fix)


def unknown(what: str, says: str, fix: str) -> Row:
    """Make a row of what could not be found out."""
    return Row(what=what, standing=Standing.UNKNOWN, says=says, fix=fix)


def unused(what: str, says: str) -> Row:
    """Make a row of what this deployment goes without."""
    return Row(what=what, standing=Standing.UNUSED, says=says)


@dataclass(frozen=True)
class Examined:
    """A deployment, as whoever examines it reaches it."""

    api: AirflowApi
    contacts: Path | None
    ledger: str | None
    bot_token: str = ""
    channel: str = ""
    slack_api: str = ""
    connections: Path | None = None
    """The file of connections, which holds the token of the Slack checks."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, target: Target, contacts: Path | None) -> Examined:
        """Read options and variables.

        Raises OperationError saying what is missing and where to give it.
        """
        secrets = os.environ.get(SECRETS)
        return cls(
            api=target.api(),
            contacts=contacts,
            ledger=target.find_ledger(),
            bot_token=secret(BOT_TOKEN),
            channel=os.environ.get(CHANNEL, ""),
            slack_api=os.environ.get(SLACK_API, ""),
            connections=Path(secrets) / "connections.yaml" if secrets else None,
        )


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
