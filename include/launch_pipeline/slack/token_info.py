"""Read Slack's answer to ``auth.test``: whose token it is, and which scopes it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from launch_pipeline.base import Frozen
from launch_pipeline.slack.scopes import BRIDGE_SCOPES, EMAIL_SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class TokenInfo(Frozen):
    """What Slack answers to ``auth.test``, which every token may call."""

    user: str = ""
    user_id: str = ""
    team: str = ""
    team_id: str = ""
    error: str = ""
    """Slack's word for a token that it refuses."""
    scopes: frozenset[str] = frozenset()
    """From the header ``X-OAuth-Scopes``; empty if the answer has none."""

    @classmethod
    def read(cls, body: Mapping[str, Any], scopes: str) -> Self:
        """Read the document and the header ``X-OAuth-Scopes`` of an answer."""
        texts = {name: str(body.get(name) or "") for name in ("user", "user_id", "team", "team_id", "error")}
        return cls(**texts, scopes=frozenset(filter(None, map(str.strip, scopes.split(",")))))

    def missing(self, needed: Iterable[str]) -> tuple[str, ...]:
        """Return the needed scopes that the token lacks, in the order given."""
        return tuple(scope for scope in needed if scope not in self.scopes)


def bridge_scopes() -> tuple[str, ...]:
    """Return the scopes that the bridge's token needs under the deployed policy."""
    from launch_pipeline.approvals.deployed import policy  # noqa: PLC0415 - reads a file

    return (*BRIDGE_SCOPES, EMAIL_SCOPE) if policy().slack_by_email else BRIDGE_SCOPES
