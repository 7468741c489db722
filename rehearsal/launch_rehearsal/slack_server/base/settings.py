"""Configure the fake Slack: port, tokens, people, channels and timeouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from launch_pipeline.base import Frozen
from launch_pipeline.slack.scopes import BRIDGE_SCOPES, CHECK_SCOPES

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Contacts

TEAM = "T0REHEARSAL"
APP = "A0REHEARSAL"
BOT_USER = "U0GATES"
BRIDGE_TOKEN = "xoxb-rehearsal-bridge"  # noqa: S105 - public: a rehearsal on loopback
CHECK_TOKEN = "xoxb-rehearsal-checks"  # noqa: S105
SOCKET_TOKEN = "xapp-rehearsal-bridge"  # noqa: S105
LAUNCH_CHANNEL = "C001LAUNCH"
"""Id of the first of ``CHANNELS``."""
CHANNELS = ("launch", "launch-war-room", "launch-announcements", "incidents")


class Token(Frozen):
    """A token with its scopes; the prefix is its kind (``xoxb-``, ``xapp-``)."""

    text: Annotated[str, Field(pattern=r"^(xoxb|xapp)-[A-Za-z0-9-]{4,200}$")]
    scopes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Return ``bot`` or ``app``."""
        return "bot" if self.text.startswith("xoxb-") else "app"


class SlackSettings(Frozen):
    """The settings of one fake Slack."""

    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0 takes a free one."""
    contacts: Path
    channels: tuple[str, ...] = CHANNELS
    """Every contact and the bot are members of each; the first is shown first."""
    tokens: tuple[Token, ...] = (
        Token(text=BRIDGE_TOKEN, scopes=BRIDGE_SCOPES),
        Token(text=CHECK_TOKEN, scopes=CHECK_SCOPES),
        Token(text=SOCKET_TOKEN, scopes=("connections:write",)),
    )
    ack_seconds: Annotated[float, Field(gt=0)] = 3.0
    """How long an app may take to acknowledge an envelope."""
    trigger_seconds: Annotated[float, Field(gt=0)] = 3.0
    """How long a trigger id opens a modal."""
    redeliveries: Annotated[int, Field(ge=0)] = 1
    """How often an unacknowledged envelope is sent again; Slack guarantees no number."""


def members_of(contacts: Contacts) -> list[dict[str, Any]]:
    """Return Slack's users: every contact with a Slack id."""
    return [member(p.slack_id, p.name, p.email, deleted=not p.active) for p in contacts.people if p.slack_id]


def member(slack_id: str, name: str, email: str = "", **flags: Any) -> dict[str, Any]:
    """Build a user as ``users.info`` shows them; ``flags`` such as ``is_restricted=True`` or ``team_id``."""
    user = {
        "id": slack_id,
        "team_id": TEAM,
        "name": name.lower().replace(" ", "."),
        "real_name": name,
        "deleted": False,
        "is_bot": False,
        "is_app_user": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_stranger": False,
        "is_email_confirmed": True,
        "profile": {"real_name": name, "display_name": name, "email": email},
    }
    return user | flags
