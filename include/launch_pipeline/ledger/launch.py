"""Describe a launch: its facts as the ledger's table holds them, and the states it can be in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue

from launch_pipeline.base import Frozen


class LaunchState(StrEnum):
    """The state of a launch; every state but ``active`` is an end."""

    ACTIVE = "active"
    COMPLETE = "complete"
    ABORTED = "aborted"
    NO_GO = "no_go"
    ROLLED_BACK = "rolled_back"


class Via(StrEnum):
    """How a person changed a launch."""

    AIRFLOW = "airflow"
    """Signed in to Airflow, which vouches for the name."""
    TERMINAL = "terminal"
    """From a terminal with the ledger's address; the name is that of the operating system."""


FROM_A_TERMINAL = "from a terminal"
"""The words beside a name that Airflow does not vouch for."""


class Launch(Frozen):
    """A launch, as requested and as it is now."""

    launch_id: Annotated[str, Field(min_length=1, max_length=250)]
    environment: Annotated[str, Field(min_length=1)]
    rehearsal: bool
    release: str
    release_sha: str
    launch_at: AwareDatetime
    """The launch time in force."""
    started_by: str
    conf: dict[str, JsonValue] = Field(default_factory=dict)
    """The form as it was sent."""
    checklist_digests: dict[str, str] = Field(default_factory=dict)
    """The digest of each Dag's definition in force, by Dag id (``ledger/definitions.py``)."""
    environment_digest: str = ""
    """The digest of the environment in force; empty if the launch began before definitions were stored."""
    state: LaunchState = LaunchState.ACTIVE
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    planned_at: AwareDatetime | None = None
    """The launch time as first requested."""
    held_at: AwareDatetime | None = None
    """The time since which the launch is on hold; None if it is not."""

    @property
    def over(self) -> bool:
        """Whether the launch has ended in any way."""
        return self.state is not LaunchState.ACTIVE
