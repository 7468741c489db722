"""Handle failed calls to Slack: report what a person must fix, and wait out the rest."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.errors import SlackProblem, error_code, problem_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)
T = TypeVar("T")

# AttributeError: slack_sdk 3.47 reads a field of a plain text that came with status 200 (a proxy's page).
CALL_ERRORS = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError)
"""Everything that a call of Slack's client may raise."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


def is_transient(error: BaseException) -> bool:
    """Return whether the same call may work in a moment."""
    return problem_of(error) in {SlackProblem.UNAVAILABLE, SlackProblem.RATE_LIMIT}


def configuration_error(error: Any, token: str) -> ConfigurationError | None:
    """Return what a person must fix before a call with this token can work; None if waiting may help.

    ``token`` is the name of its environment variable.
    """
    problem, code = problem_of(error), error_code(error)
    if is_transient(error):
        return None
    if problem is SlackProblem.TOKEN:
        fix = "copy it again from the app's page (api.slack.com/apps), and install the app if it is not."
        return ConfigurationError("environment", token, f"Slack refuses this token ({code}).", fix)
    if problem is SlackProblem.SCOPE:
        needed = error.response.get("needed") or "as in include/slack-app-manifest.yaml"
        fix = f"add the scope ({needed}) to the app and install it again."
        return ConfigurationError("environment", token, f"a scope is missing ({code}).", fix)
    if problem is SlackProblem.CHANNEL:
        fix = "use the id of an open channel, and invite the app there: /invite @launch-gates."
        return ConfigurationError("environment", "LAUNCH_SLACK_CHANNEL", f"Slack says {code}.", fix)
    fix = "look it up at docs.slack.dev/reference/methods, and correct the app or the workspace."
    return ConfigurationError("environment", token, f"Slack refuses ({code}).", fix)


async def until_slack_answers(call: Callable[[], Awaitable[T]], token: str) -> T:
    """Call until Slack answers, for as long as it takes; the launch goes on meanwhile.

    Raises ConfigurationError if waiting cannot help.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return await call()
        except CALL_ERRORS as error:
            if wrong := configuration_error(error, token):
                raise wrong from error
            log.warning("Slack does not answer (%s); trying again in %.0f s.", error_code(error), pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
