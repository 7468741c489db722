"""Tells in Slack, through the provider's hook and the Airflow connection ``launch_slack``.

Each launch has one thread. A note is posted once, however often it is told and by whom: its place among the
launch's messages is taken before anybody else may post it. Nothing here is a template, so what looks like
Jinja in a checklist or in evidence stays as it is.
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
"""How long one call may take: of a task that only tells, and of one that others wait for."""
RATE_LIMIT_TRIES, RATE_LIMIT_SECONDS = 3, 60.0
"""How often, and at most how long, a task that only tells waits out Slack's ``Retry-After`` by itself."""
_INVITE = "Invite the app to the channel, and check the channel id in the connection's extra."
_TOKEN = f"Put the bot token (xoxb-…) of an installed app into the password of '{CONN_ID}'."
_HINTS = {
    "not_in_channel": _INVITE,
    "channel_not_found": _INVITE,
    "is_archived": _INVITE,
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "token_revoked": _TOKEN,
    "account_inactive": _TOKEN,
    "missing_scope": "Give the app the scopes of include/slack-app-manifest.yaml and install it again.",
}


class SlackAnnouncer:
    """Tells in the channel that the connection names; ``hasty`` where somebody waits for the teller."""

    def __init__(self, connection: Connection, *, hasty: bool = False) -> None:
        """Raise ConfigurationError where the connection names no channel; there is none by default."""
        self.channel = _channel(connection)
        self._hasty = hasty

    def tell(self, note: Note, root: LaunchView) -> str:
        """Post a note once and return its ``ts``; the thread's root is posted first where there is none.

        Raises OperationError where Slack cannot be reached or refuses, LedgerUnavailable where it cannot be
        known whether the note was told.
        """
        for _ in range(RATE_LIMIT_TRIES):
            try:
                return self._tell(note, root)
            except _RateLimitedError as limited:
                if self._hasty or limited.seconds > RATE_LIMIT_SECONDS:
                    raise
                # Outside of the place that it holds, so that nobody waits for it.
                log.info("%s", limited)
                time.sleep(limited.seconds)
        return self._tell(note, root)

    def _tell(self, note: Note, root: LaunchView) -> str:
        messages = _messages()
        thread = {} if is_alone(note) else self._thread(messages, root, loud=is_loud(note))
        message = phase_note(note) if isinstance(note, PhaseNote) else launch_note(note)
        return messages.place(
            note.launch_id, place_of(note.key), self.channel, lambda: self._post(message, **thread)
        )

    def _thread(self, messages: Messages, root: LaunchView, *, loud: bool) -> dict[str, Any]:
        ts = messages.place(root.launch_id, ROOT, self.channel, lambda: self._post(launch_root(root)))
        return {"thread_ts": ts, "reply_broadcast": True} if loud else {"thread_ts": ts}

    def _post(self, message: Message, **where: Any) -> str:
        from airflow.providers.slack.hooks.slack import SlackHook  # noqa: PLC0415 - loads slack_sdk
        from slack_sdk.errors import SlackClientError  # noqa: PLC0415 - as above

        # No retries of the client's own: after a lost answer it would post again.
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
    """Read the channel's id; a name would be another place than the bridge's."""
    given = connection.extra_dejson.get("channel")
    try:
        return TypeAdapter(ChannelId).validate_python(given)
    except ValidationError:
        problem = f"{given!r} is no channel id." if given else "is missing, and there is no default channel."
        fix = 'write the id of the launch channel there: {"channel": "C0123456789"}.'
        raise ConfigurationError(f"Airflow connection '{CONN_ID}'", "extra.channel", problem, fix) from None


class _RateLimitedError(OperationError):
    """Slack asks to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Slack takes no more messages for {seconds:g} s (Retry-After).")
        self.seconds = seconds


def _refused(error: Any) -> OperationError:
    response: Any = getattr(error, "response", None)
    word = str(response.get("error") or "") if hasattr(response, "get") else ""
    if word == "ratelimited":
        return _RateLimitedError(_retry_after(response))
    detail = word or f"HTTP status {getattr(response, 'status_code', 'unknown')}"
    return OperationError(f"Slack did not take the message: {detail}. {_HINTS.get(word, '')}".strip())


def _retry_after(response: Any) -> float:
    headers = {str(name).lower(): value for name, value in response.headers.items()}
    try:
        return max(0.0, float(headers.get("retry-after", 1)))
    except ValueError:
        return 1.0


def _messages() -> Messages:
    from launch_pipeline.slack.store import Messages  # noqa: PLC0415 - loads psycopg

    return Messages(ledger_dsn())
