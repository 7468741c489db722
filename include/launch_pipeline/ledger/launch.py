"""Describe a launch: its facts as the ledger's table holds them, and the states it can be in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue

from launch_pipeline.base import Frozen


class LaunchState(StrEnum):
    """Where a launch is; every state but ``active`` is an end."""

    ACTIVE = "active"
    COMPLETE = "complete"
    ABORTED = "aborted"
    NO_GO = "no_go"
    ROLLED_BACK = "rolled_back"


class Via(StrEnum):
    """How a person said that a launch moves or ends."""

    AIRFLOW = "airflow"
    """Signed in to Airflow, which named them."""
    TERMINAL = "terminal"
    """With the ledger's address alone; the name is that of the operating system."""


FROM_A_TERMINAL = "from a terminal"
"""What is shown beside a name that Airflow did not vouch for."""


class Launch(Frozen):
    """A launch, as asked for and as it stands."""

    launch_id: Annotated[str, Field(min_length=1, max_length=250)]
    environment: Annotated[str, Field(min_length=1)]
    rehearsal: bool
    release: str
    release_sha: str
    launch_at: AwareDatetime
    """When it launches, as of now."""
    started_by: str
    conf: dict[str, JsonValue] = Field(default_factory=dict)
    """The form, as sent."""
    checklist_digests: dict[str, str] = Field(default_factory=dict)
    """Dag id -> digest of its checklist at the start."""
    state: LaunchState = LaunchState.ACTIVE
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    planned_at: AwareDatetime | None = None
    """The launch time as first asked for."""

    @property
    def over(self) -> bool:
        """Whether it has ended in any way."""
        return self.state is not LaunchState.ACTIVE
