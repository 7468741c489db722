"""Project launches into Slack: threads, cards, notes and reminders."""

from __future__ import annotations
