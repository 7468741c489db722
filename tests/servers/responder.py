"""What Airflow and the guard keep of the account that answers: with FAB, a number and a name to show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.policies import responders

if TYPE_CHECKING:
    from servers.airflow_database import GateRows

NUMBER = "1"
_ANSWERED = """
    UPDATE hitl_detail SET responded_by = %s, params_input = %s, responded_at = now() WHERE ti_id = %s
"""


def kept_of(user: str) -> dict[str, str]:
    """Return what Airflow keeps: the user name, or from 3.4 on the name that its pages show."""
    shown = " ".join(part.capitalize() for part in user.split("."))
    return {"id": NUMBER, "name": shown if responders.SHOWN_NAMES else user}


def stamped_by(user: str) -> dict[str, str]:
    """Return what the guard adds to the answer's fields."""
    return responders.stamp_of(user, NUMBER)


def answered(rows: GateRows, instance: str, user: str) -> None:
    """Answer a request as Airflow does, behind the guard."""
    keep(rows, instance, kept_of(user), {"via": "api", **stamped_by(user)})


def keep(rows: GateRows, instance: str, account: dict[str, str], fields: dict[str, Any]) -> None:
    """Keep an answer of that account with those fields."""
    rows.execute(_ANSWERED, json.dumps(account), json.dumps(fields), instance)
