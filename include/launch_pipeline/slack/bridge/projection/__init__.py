"""Project the launch into Slack: its thread, its cards, its notes."""

from __future__ import annotations
