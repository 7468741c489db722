"""What the tests of answers through the plugin share: who answers, a gate that waits, what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.slack.protocol import Refusal
from servers.plugin_server import an_item, an_open_gate

if TYPE_CHECKING:
    import httpx

    from servers.airflow_database import GateRows
    from servers.plugin_server import Gate

OMAR, RHEA, NOOR, SELMA, MILO = "U0LAUNCH03", "U0LAUNCH14", "U0LAUNCH10", "U0LAUNCH11", "U0LAUNCH13"
"""Operations lead and backup, network admin, security officer, and a product manager without an account."""


def approval(rows: GateRows, owner: str = "operations_lead", **fields: Any) -> Gate:
    """Let an approval without checks wait."""
    return an_open_gate(rows, *an_item(owner=owner, mode="approval", gate="approval"), **fields)


def code(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return reply.status_code, Refusal.model_validate_json(reply.content).code


def told(reply: httpx.Response) -> Refusal:
    """Read a refusal."""
    return Refusal.model_validate_json(reply.content)
