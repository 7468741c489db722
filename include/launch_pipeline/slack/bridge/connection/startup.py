"""Check the connection to Slack at startup: workspace, scopes, and access to the channel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slack_sdk.errors import SlackApiError

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.bridge.connection.errors import is_transient, until_slack_answers
from launch_pipeline.slack.errors import NEEDS_A_PERSON, error_code, problem_of
from launch_pipeline.slack.token_info import TokenInfo, bridge_scopes

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

_TOKEN = "LAUNCH_SLACK_BOT_TOKEN"  # noqa: S105 - a name, not a token


async def check_access(client: AsyncWebClient, channel: str) -> TokenInfo:
    """Wait until Slack answers, check that the app can do its work, and return whose token it has.

    Raises ConfigurationError for a refused token, a missing scope, or a channel that the app is not in.
    """
    told = await until_slack_answers(client.auth_test, _TOKEN)
    found = TokenInfo.read(told.data, told.headers.get("x-oauth-scopes", ""))  # type: ignore[arg-type]
    _check_scopes(found)
    await until_slack_answers(lambda: _try_to_post(client, channel, found.user_id), _TOKEN)
    log.info("Connected to Slack as %s of %s.", found.user, found.team)
    return found


def _check_scopes(found: TokenInfo) -> None:
    missing = found.missing(bridge_scopes())
    if found.scopes and missing:
        problem = f"the app has no scope {', '.join(missing)}."
        raise ConfigurationError("environment", _TOKEN, problem, "add it to the app and install it again.")


async def _try_to_post(client: AsyncWebClient, channel: str, bot_user: str) -> None:
    """Post an ephemeral message to the bot itself: with its few scopes, no other call tests the channel."""
    try:
        await client.chat_postEphemeral(channel=channel, user=bot_user, text="Launch Gates can post here.")
    except SlackApiError as error:
        if is_transient(error) or problem_of(error) in NEEDS_A_PERSON:
            raise
        # Token, scope and channel were accepted; Slack only objects to the recipient.
        log.info("Slack did not take the trial message (%s).", error_code(error))
