"""Hold what the doctor of a deployment looks at, and what it finds: one row for each thing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.stack.slack_access import API, BOT_TOKEN, CHANNEL
from launch_pipeline.stack.target import secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.stack.target import Target

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
            slack_api=os.environ.get(API, ""),
            connections=Path(secrets) / "connections.yaml" if secrets else None,
        )
