"""Serve the bridge to Slack: what is open, and answers in a person's name."""

from __future__ import annotations
