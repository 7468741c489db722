"""Examine the two Slack tokens of a deployment: who they belong to, and which scopes they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import yaml

from launch_pipeline.doctor.rows import ok, problem, unknown, unused
from launch_pipeline.errors import Inconclusive
from launch_pipeline.slack.protocol import SLACK_API
from launch_pipeline.slack.scopes import CHECK_SCOPES
from launch_pipeline.slack.token_info import TokenInfo, bridge_scopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from launch_pipeline.doctor.deployment.examined import Examined
    from launch_pipeline.doctor.rows import Row

CHECK = "slack_check"
SECONDS = 10
BRIDGE, CHECKS = "slack bridge", "slack checks"


def slack(deployment: Examined) -> Iterator[Row]:
    """Yield the row of the bridge's token and the row of the checks' token; they differ on purpose."""
    yield from _bridge(deployment)
    yield from _checks(deployment)


def _bridge(deployment: Examined) -> Iterator[Row]:
    if not (deployment.bot_token or deployment.channel):
        yield unused(BRIDGE, "not set up; people answer in Airflow only")
        return
    if not deployment.channel:
        yield problem(BRIDGE, "has no channel", "put the channel's id into LAUNCH_SLACK_CHANNEL.")
    if not deployment.bot_token:
        yield problem(BRIDGE, "has no bot token", "paste it into the secret slack_bot_token.")
        return
    yield token_row(BRIDGE, deployment.bot_token, deployment.slack_api, bridge_scopes())


def _checks(deployment: Examined) -> Iterator[Row]:
    found = _check_connection(deployment.connections)
    if found is None:
        yield unused(CHECKS, f"no connection {CHECK}, so its items ask people")
        return
    if not isinstance(found, dict):
        fix = "write it with conn_type, password and extra, as connections.example.yaml shows."
        yield unknown(CHECKS, f"the connection {CHECK} cannot be read here", fix)
        return
    address = str((found.get("extra") or {}).get("base_url") or "")
    yield token_row(CHECKS, str(found.get("password") or ""), address, CHECK_SCOPES)


def _check_connection(file: Path | None) -> Any:
    """Return the connection as the file has it; the doctor has no key to Airflow's database."""
    if file is None or not file.exists():
        return None
    try:
        return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(CHECK)
    except (yaml.YAMLError, AttributeError):
        # The parser's message may quote a secret.
        return ""


def token_row(what: str, token: str, address: str, needed: Sequence[str]) -> Row:
    """Build the row of a token: call ``auth.test``, which needs no scope, and compare the token's scopes."""
    try:
        found, _ = ask(token, address)
    except Inconclusive as error:
        return unknown(what, str(error), "try again; if it persists, allow this host to call Slack.")
    if found.error:
        fix = "paste the app's bot token (xoxb-…) again."
        return problem(what, f"Slack refuses the token: {found.error}", fix)
    who = f"{found.user} of {found.team}"
    if lacking := found.missing(needed):
        fix = "add it to the app ('OAuth & Permissions') and install the app again."
        return problem(what, f"{who} lacks the scope {', '.join(lacking)}", fix)
    return ok(what, f"{who}, with {', '.join(needed)}")


def ask(token: str, address: str = "") -> tuple[TokenInfo, str]:
    """Call ``auth.test`` and return the answer and its ``Date`` header. Raises Inconclusive without one."""
    url = f"{(address or SLACK_API).rstrip('/')}/auth.test"
    with requests.Session() as session:
        # The environment's proxy is for the outside, not for a stand-in on this machine.
        session.trust_env = urlsplit(url).hostname not in {"127.0.0.1", "localhost"}
        try:
            reply = session.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS)
            reply.raise_for_status()
            body = reply.json()
        except requests.RequestException as error:
            raise Inconclusive(f"Slack does not answer ({type(error).__name__})") from error
    found = TokenInfo.read(body, reply.headers.get("X-OAuth-Scopes", ""))
    return found, reply.headers.get("Date", "")
