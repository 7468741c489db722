"""Collect what the doctor needs to reach a deployment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.stack.production import SECRETS_VARIABLE
from launch_pipeline.stack.secret_files import CONNECTIONS_FILE
from launch_pipeline.stack.slack_access import API, BOT_TOKEN, CHANNEL
from launch_pipeline.stack.target import secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.stack.target import Target


@dataclass(frozen=True)
class Examined:
    """A deployment as seen from this terminal: clients, addresses and files."""

    api: AirflowApi
    contacts: Path | None
    ledger: str | None
    bot_token: str = ""
    channel: str = ""
    slack_api: str = ""
    connections: Path | None = None
    """The file ``connections.yaml``, which holds the token of the Slack checks."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, target: Target, contacts: Path | None) -> Examined:
        """Read the deployment from options and environment variables.

        Raises OperationError saying what is missing and where to give it.
        """
        secrets = os.environ.get(SECRETS_VARIABLE)
        return cls(
            api=target.api(),
            contacts=contacts,
            ledger=target.find_ledger(),
            bot_token=secret(BOT_TOKEN),
            channel=os.environ.get(CHANNEL, ""),
            slack_api=os.environ.get(API, ""),
            connections=Path(secrets) / CONNECTIONS_FILE if secrets else None,
        )
