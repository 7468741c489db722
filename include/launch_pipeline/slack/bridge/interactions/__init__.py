"""Handle Slack interactions: button clicks, modals, and the answers in them."""

from __future__ import annotations
