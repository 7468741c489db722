"""What ``launch doctor --deployment`` asks of Slack: whose tokens these are, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import requests
import yaml

from launch_pipeline.doctor.deployment.rows import ok, problem, unknown, unused
from launch_pipeline.errors import Inconclusive
from launch_pipeline.slack.protocol import SLACK_API
from launch_pipeline.slack.scopes import BRIDGE_SCOPES, CHECK_SCOPES, EMAIL_SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from launch_pipeline.doctor.deployment.rows import Examined, Row

CHECK = "slack_check"
SECONDS = 10
BRIDGE, CHECKS = "slack bridge", "slack checks"


def slack(deployment: Examined) -> Iterator[Row]:
    """Look at the bridge's token and at that of the checks, which are two on purpose."""
    yield from _bridge(deployment)
    yield from _checks(deployment)


def _bridge(deployment: Examined) -> Iterator[Row]:
    if not (deployment.bot_token or deployment.channel):
        yield unused(BRIDGE, "people answer in Airflow only")
        return
    if not deployment.channel:
        yield problem(BRIDGE, "no channel is named", "put the channel's id into LAUNCH_SLACK_CHANNEL.")
    if not deployment.bot_token:
        yield problem(BRIDGE, "has no bot token", "paste it into the secret slack_bot_token.")
        return
    yield token_row(BRIDGE, deployment.bot_token, deployment.slack_api, _needed())


def _needed() -> Sequence[str]:
    from launch_pipeline.approvals.deployed import policy  # noqa: PLC0415

    return (*BRIDGE_SCOPES, EMAIL_SCOPE) if policy().slack_by_email else BRIDGE_SCOPES


def _checks(deployment: Examined) -> Iterator[Row]:
    found = _check_connection(deployment.connections)
    if found is None:
        yield unused(CHECKS, f"no connection {CHECK}: its items ask people")
        return
    if not isinstance(found, dict):
        fix = "write it with conn_type, password and extra, as connections.example.yaml shows."
        yield unknown(CHECKS, f"the connection {CHECK} cannot be read here", fix)
        return
    address = str((found.get("extra") or {}).get("base_url") or "")
    yield token_row(CHECKS, str(found.get("password") or ""), address, CHECK_SCOPES)


def _check_connection(file: Path | None) -> Any:
    """Read what the file says of it. Not through Airflow: the doctor has no key to Airflow's database."""
    if file is None or not file.exists():
        return None
    try:
        return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(CHECK)
    except (yaml.YAMLError, AttributeError):
        # Its words may hold a secret.
        return ""


def token_row(what: str, token: str, address: str, needed: Sequence[str]) -> Row:
    """Ask Slack whose token it is, which needs no scope, and compare those it has."""
    try:
        told = ask(token, address)
    except Inconclusive as error:
        return unknown(what, str(error), "try again; if it stays so, let this host call Slack.")
    if word := told.body.get("error"):
        fix = "paste the app's bot token (xoxb-…) once more."
        return problem(what, f"Slack refuses the token: {word}", fix)
    who = f"{told.body.get('user')} of {told.body.get('team')}"
    if lacking := [scope for scope in needed if scope not in told.scopes]:
        fix = "add it to the app ('OAuth & Permissions') and install the app again."
        return problem(what, f"{who} lacks the scope {', '.join(lacking)}", fix)
    return ok(what, f"{who}, with {', '.join(needed)}")


class Told(NamedTuple):
    """What Slack said to ``auth.test``."""

    body: dict[str, Any]
    scopes: frozenset[str]
    date: str


def ask(token: str, address: str = "") -> Told:
    """Call ``auth.test``. Raises Inconclusive where Slack does not answer as Slack."""
    url = f"{(address or SLACK_API).rstrip('/')}/auth.test"
    with requests.Session() as session:
        # A proxy of the environment is for the outside, not for a stand-in on this machine.
        session.trust_env = urlsplit(url).hostname not in {"127.0.0.1", "localhost"}
        try:
            reply = session.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS)
            reply.raise_for_status()
            body: dict[str, Any] = reply.json()
        except requests.RequestException as error:
            raise Inconclusive(f"Slack does not answer ({type(error).__name__})") from error
    scopes = frozenset(scope.strip() for scope in reply.headers.get("X-OAuth-Scopes", "").split(","))
    return Told(body, scopes, reply.headers.get("Date", ""))
