"""Post in Slack through the provider's hook and the Airflow connection ``launch_slack``.

Each launch has one thread. A note is posted once, whether a worker or the bridge posts it: the first one
takes its place in the message store. Nothing here is a template, so text that looks like Jinja in a
checklist or in evidence stays as it is.
"""

from __future__ import annotations

import logging
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from launch_pipeline.airflow.connection_ids import SLACK_CONNECTION
from launch_pipeline.airflow.hooks.ledger import ledger_dsn
from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.notifications.keys import ROOT, is_alone, is_loud, place_of
from launch_pipeline.notifications.model import PhaseNote
from launch_pipeline.slack.errors import RateLimited, SlackProblem, error_code, problem_of, retry_after
from launch_pipeline.slack.messages.button_values import ChannelId
from launch_pipeline.slack.messages.cards import launch_root
from launch_pipeline.slack.messages.notes import launch_note, phase_note

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.messages.views import LaunchView
    from launch_pipeline.slack.store import Messages

log = logging.getLogger(__name__)

CONN_ID = SLACK_CONNECTION
CALL_SECONDS, HASTY_SECONDS = 20, 5
"""Timeout of one call: of a task that only announces, and of one that others wait for."""
RATE_LIMIT_TRIES, RATE_LIMIT_SECONDS = 3, 60.0
"""How often, and how long at most, a task that only announces waits for Slack's ``Retry-After``."""
_HINTS = {
    SlackProblem.CHANNEL: "Invite the app to the channel, and check its id in the connection's extra.",
    SlackProblem.TOKEN: f"Put the bot token (xoxb-…) of an installed app into the password of '{CONN_ID}'.",
    SlackProblem.SCOPE: "Give the app the scopes of include/slack-app-manifest.yaml and install it again.",
}


class SlackAnnouncer:
    """Post in the channel that the connection names; ``hasty`` if other tasks wait for this one."""

    def __init__(self, connection: Connection, *, hasty: bool = False) -> None:
        """Raise ConfigurationError if the connection names no channel; there is no default."""
        self.channel = _channel(connection)
        self._hasty = hasty

    def post(self, note: Note, root: LaunchView) -> str:
        """Post a note once and return its ``ts``; post the thread's root first if there is none.

        Raises OperationError if Slack cannot be reached or refuses, LedgerUnavailable if the message store
        cannot say whether the note was posted.
        """
        for _ in range(RATE_LIMIT_TRIES):
            try:
                return self._post_once(note, root)
            except RateLimited as limited:
                if self._hasty or limited.seconds > RATE_LIMIT_SECONDS:
                    raise
                # The lock on the note's place is released here, so the bridge does not wait for it.
                log.info("%s", limited)
                time.sleep(limited.seconds)
        return self._post_once(note, root)

    def _post_once(self, note: Note, root: LaunchView) -> str:
        messages = _messages()
        thread = {} if is_alone(note) else self._thread(messages, root, loud=is_loud(note))
        message = phase_note(note) if isinstance(note, PhaseNote) else launch_note(note)
        return messages.place(
            note.launch_id, place_of(note.key), self.channel, lambda: self._call(message, **thread)
        )

    def _thread(self, messages: Messages, root: LaunchView, *, loud: bool) -> dict[str, Any]:
        ts = messages.place(root.launch_id, ROOT, self.channel, lambda: self._call(launch_root(root)))
        return {"thread_ts": ts, "reply_broadcast": True} if loud else {"thread_ts": ts}

    def _call(self, message: Message, **where: Any) -> str:
        from airflow.providers.slack.hooks.slack import SlackHook  # noqa: PLC0415 - loads slack_sdk
        from slack_sdk.errors import SlackClientError  # noqa: PLC0415 - as above

        # The client must not retry by itself: after a lost response it would post again.
        seconds = HASTY_SECONDS if self._hasty else CALL_SECONDS
        hook = SlackHook(slack_conn_id=CONN_ID, timeout=seconds, retry_handlers=[])
        fields = {"channel": self.channel, **message.posted(), **where}
        try:
            return str(hook.call("chat.postMessage", json=fields)["ts"])
        except SlackClientError as error:
            raise _refused(error) from error
        except (OSError, HTTPException) as error:
            away = f"Slack does not answer ({type(error).__name__}: {error})."
            raise OperationError(away) from error


def _channel(connection: Connection) -> str:
    """Read the channel's id. A name is refused: the message store and the bridge know the channel by id."""
    given = connection.extra_dejson.get("channel")
    try:
        return TypeAdapter(ChannelId).validate_python(given)
    except ValidationError:
        problem = f"{given!r} is no channel id." if given else "is missing, and there is no default channel."
        fix = 'write the id of the launch channel there: {"channel": "C0123456789"}.'
        raise ConfigurationError(f"Airflow connection '{CONN_ID}'", "extra.channel", problem, fix) from None


def _refused(error: Exception) -> OperationError:
    problem = problem_of(error)
    if problem is SlackProblem.RATE_LIMIT:
        return RateLimited(retry_after(error))
    hint = _HINTS.get(problem, "")
    return OperationError(f"Slack did not take the message: {error_code(error)}. {hint}".strip())


def _messages() -> Messages:
    from launch_pipeline.slack.store import Messages  # noqa: PLC0415 - loads psycopg

    return Messages(ledger_dsn())
