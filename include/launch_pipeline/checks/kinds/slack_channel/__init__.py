"""Define the check kind ``slack_channel``, and observe for it."""

from __future__ import annotations
