"""Slack's refusals and silences, told apart: what a person must mend, and what only takes time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError

from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)
T = TypeVar("T")

# AttributeError: slack_sdk 3.47 reads a field of a plain text that came with status 200 (a proxy's page).
TROUBLE = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError)
"""All that a call of Slack's client may raise."""
_BAD_TOKEN = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
_PASSES = frozenset(
    {"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"}
)
_NO_PLACE = frozenset({"channel_not_found", "is_archived", "not_in_channel"})
_NO_SCOPE = frozenset({"missing_scope", "no_permission"})
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


def word_of(error: BaseException) -> str:
    """Slack's word for what went wrong; the HTTP status or the kind of error where it said none."""
    if not isinstance(error, SlackApiError):
        return type(error).__name__
    data = getattr(error.response, "data", None)
    word = data.get("error") if isinstance(data, dict) else None
    return str(word or f"status {getattr(error.response, 'status_code', 'unknown')}")


def passes(error: BaseException) -> bool:
    """Whether the same call may work in a moment: Slack said nothing, or that it cannot now."""
    data = getattr(error.response, "data", None) if isinstance(error, SlackApiError) else None
    return not isinstance(data, dict) or not data.get("error") or data["error"] in _PASSES


def mendable(error: BaseException) -> bool:
    """Whether Slack said a word that names a person's mistake: token, scope or channel."""
    return word_of(error) in _BAD_TOKEN | _NO_SCOPE | _NO_PLACE


def configuration_error(error: BaseException, token: str) -> ConfigurationError | None:
    """What a person must mend for a call with this token to work; None where waiting may help.

    ``token`` is the name of its environment variable.
    """
    word = word_of(error)
    if word in _BAD_TOKEN:
        fix = "copy it again from the app's page (api.slack.com/apps), and install the app if it is not."
        return ConfigurationError("environment", token, f"Slack refuses this token ({word}).", fix)
    if word in _NO_SCOPE and isinstance(error, SlackApiError):
        needed = error.response.get("needed") or "as in include/slack-app-manifest.yaml"
        fix = f"add the scope ({needed}) to the app and install it again."
        return ConfigurationError("environment", token, f"a scope is missing ({word}).", fix)
    if word in _NO_PLACE:
        fix = "use the id of an open channel, and invite the app there: /invite @launch-gates."
        return ConfigurationError("environment", "LAUNCH_SLACK_CHANNEL", f"Slack says {word}.", fix)
    if not passes(error):
        fix = "look it up at docs.slack.dev/reference/methods, and mend the app or the workspace."
        return ConfigurationError("environment", token, f"Slack refuses ({word}).", fix)
    return None


async def until_slack_answers(call: Callable[[], Awaitable[T]], token: str) -> T:
    """Call until Slack answers, for as long as it takes; the launch goes on meanwhile.

    Raises ConfigurationError where waiting cannot help.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return await call()
        except TROUBLE as error:
            if wrong := configuration_error(error, token):
                raise wrong from error
            log.warning("Slack does not answer (%s); trying again in %.0f s.", word_of(error), pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
