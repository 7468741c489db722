"""Classify Slack's errors: one vocabulary for workers and the bridge. Imports no Slack library.

Codes: docs.slack.dev/reference/methods, under "Errors" of ``chat.postMessage``, ``chat.update``,
``chat.postEphemeral`` and ``users.info``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from launch_pipeline.errors import OperationError

THREAD_MISSING = frozenset({"thread_not_found", "invalid_thread_ts"})
USER_UNKNOWN = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_RATE_LIMITED = "ratelimited"
_TOO_MANY_REQUESTS = 429
_SHORTEST_WAIT = 1.0
_MESSAGE_PREFIXES = (
    "invalid_blocks",
    "metadata_",
    "msg_",
    "no_text",
    "invalid_metadata",
    "too_many_attachments",
    "invalid_arguments",
    "invalid_arg_name",
    "edit_window_closed",
    "restricted_action_",
)


class SlackProblem(StrEnum):
    """Say what an error means for the caller."""

    RATE_LIMIT = "rate limit"
    UNAVAILABLE = "unavailable"
    """Slack did not answer, or cannot now: the same call may work later."""
    TOKEN = "token"  # noqa: S105 - a kind of error
    SCOPE = "scope"
    CHANNEL = "channel"
    GONE = "gone"
    """The message or its thread was deleted, or belongs to another app."""
    MESSAGE = "message"
    """Slack refuses this message, and will refuse it again."""
    OTHER = "other"


_PROBLEMS = {
    **dict.fromkeys(
        (
            "account_inactive",
            "invalid_auth",
            "not_allowed_token_type",
            "not_authed",
            "org_login_required",
            "team_access_not_granted",
            "token_expired",
            "token_revoked",
        ),
        SlackProblem.TOKEN,
    ),
    **dict.fromkeys(("missing_scope", "no_permission"), SlackProblem.SCOPE),
    **dict.fromkeys(("channel_not_found", "is_archived", "not_in_channel"), SlackProblem.CHANNEL),
    **dict.fromkeys(("message_not_found", "thread_not_found", "cant_update_message"), SlackProblem.GONE),
    **dict.fromkeys(
        ("fatal_error", "internal_error", "request_timeout", "service_unavailable"),
        SlackProblem.UNAVAILABLE,
    ),
    _RATE_LIMITED: SlackProblem.RATE_LIMIT,
}
NEEDS_A_PERSON = frozenset({SlackProblem.TOKEN, SlackProblem.SCOPE, SlackProblem.CHANNEL})
"""Problems that a person must fix in Slack or in the settings."""


class SlackUnavailable(OperationError):
    """Slack accepts nothing now. Waiting, or correcting the settings, helps."""


class RateLimited(SlackUnavailable):
    """Slack, or our own rate limiter, asks to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Slack accepts no more messages for {seconds:.0f} s.")
        self.seconds = seconds


class MessageGone(OperationError):
    """The message, or the root of its thread, was deleted, or belongs to another app."""


class MessageRefused(OperationError):
    """Slack refuses this message, and will refuse it again."""


def error_code(error: BaseException) -> str:
    """Return Slack's code for what went wrong; the HTTP status or the kind of exception if it sent none."""
    response = getattr(error, "response", None)
    if response is None:
        return type(error).__name__
    return _code(response) or f"HTTP status {getattr(response, 'status_code', 'unknown')}"


def problem_of(error: BaseException) -> SlackProblem:
    """Classify an error of a call to Slack."""
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) == _TOO_MANY_REQUESTS:
        return SlackProblem.RATE_LIMIT
    code = _code(response)
    if not code:
        return SlackProblem.UNAVAILABLE
    if code.startswith(_MESSAGE_PREFIXES):
        return SlackProblem.MESSAGE
    return _PROBLEMS.get(code, SlackProblem.OTHER)


def retry_after(error: Any) -> float:
    """Return how many seconds Slack asks to wait (``Retry-After``); at least one."""
    headers = {str(name).lower(): value for name, value in dict(error.response.headers or {}).items()}
    try:
        return max(_SHORTEST_WAIT, float(headers.get("retry-after", _SHORTEST_WAIT)))
    except (TypeError, ValueError):
        return _SHORTEST_WAIT


def _code(response: Any) -> str:
    data = getattr(response, "data", response)
    return str(data.get("error") or "") if isinstance(data, dict) else ""
