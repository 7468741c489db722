"""The bridge's log: who was refused and why, what came and went; never a token, a body or a reason."""

from __future__ import annotations

import logging
import re

_SECRET = re.compile(
    r"""xox[a-z]-[\w-]+ | xapp-[\w-]+ | (?<=ticket=)[^&\s'"]+ | (?<=Bearer\ )\S+ | (?<=://)[^/@\s]+(?=@)""",
    re.VERBOSE,
)
"""Slack's tokens, the one-time part of a socket's address, credentials in headers and addresses."""
_LIBRARIES = ("slack_bolt", "slack_sdk", "aiohttp", "asyncio")
_FORM = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class Redacting(logging.Formatter):
    """Writes tracebacks, too, without what looks like a secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Format as usual, then take secrets out."""
        return _SECRET.sub("***", super().format(record))


def hush() -> None:
    """Silence libraries that tell bodies and tokens at lower levels."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


def write_log() -> None:
    """Log to standard error, for the terminal or whoever supervises the process."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacting(_FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    hush()
