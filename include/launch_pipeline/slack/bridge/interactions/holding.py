"""Hold and resume a launch for a person: ask for the reason, then ask Airflow to do it in their name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.api_client import Unanswered
from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS
from launch_pipeline.slack.errors import error_code
from launch_pipeline.slack.messages.button_values import LaunchLocator
from launch_pipeline.slack.messages.hold_modal import hold_modal
from launch_pipeline.slack.protocol import HoldChanged, HoldRequest

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.api_client import Airflow
    from launch_pipeline.slack.bridge.interactions.answers import RetryBudget
    from launch_pipeline.slack.bridge.interactions.payloads import Click
    from launch_pipeline.slack.bridge.interactions.users import SlackUser
    from launch_pipeline.slack.messages.hold_modal import GivenHold

log = logging.getLogger(__name__)


async def ask_for_reason(client: AsyncWebClient, click: Click) -> None:
    """Open the modal. Raises AnswerRefused for a button that is not ours, and if Slack refuses."""
    view = hold_modal(LaunchLocator.decode(click.value))
    try:
        await client.views_open(trigger_id=click.origin.trigger_id, view=view.payload())
    except CALL_ERRORS as error:
        log.warning("Slack opened no modal: %s", error_code(error))
        sentence = "Slack did not open the form in time; click the button again."
        raise AnswerRefused("form_not_opened", sentence) from error


async def change(airflow: Airflow, budget: RetryBudget, user: SlackUser, given: GivenHold) -> HoldChanged:
    """Hold or resume the launch in the person's name. Raises AnswerRefused with the plugin's sentence."""
    request = HoldRequest(
        slack_id=user.slack_id,
        email=user.email,
        launch_id=given.located.launch_id,
        hold=given.located.hold,
        reason=given.reason,
    )
    lost = False

    async def attempt() -> HoldChanged | None:
        nonlocal lost
        try:
            return await airflow.hold(request)
        except Unanswered as error:
            lost = lost or error.lost
            raise
        except AnswerRefused as refused:
            # The first attempt did it, and its response was lost.
            if lost and refused.code == _DONE_BEFORE:
                return None
            raise

    return await budget.call(attempt) or HoldChanged(person=user.name, held=request.hold)


_DONE_BEFORE = "already_so"
"""The plugin's code where the launch is as the request wants it."""
