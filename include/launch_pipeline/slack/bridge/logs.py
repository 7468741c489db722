"""Write the bridge's log: connections, refusals and their codes; never a token, a body or a reason."""

from __future__ import annotations

import logging
import re

_SECRET = re.compile(
    r"""xox[a-z]-[\w-]+ | xapp-[\w-]+ | (?<=ticket=)[^&\s'"]+ | (?<=Bearer\ )\S+ | (?<=://)[^/@\s]+(?=@)""",
    re.VERBOSE,
)
"""Matches Slack's tokens, the ticket of a socket's address, and credentials in headers and addresses."""
_LIBRARIES = ("slack_bolt", "slack_sdk", "aiohttp", "asyncio")
_FORM = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class Redacting(logging.Formatter):
    """Replace what looks like a secret, in messages and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record, then replace secrets."""
        return _SECRET.sub("***", super().format(record))


def hush() -> None:
    """Silence libraries that log bodies and tokens at lower levels."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


def write_log() -> None:
    """Log to standard error, for the terminal or the supervisor of the process."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacting(_FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    hush()
