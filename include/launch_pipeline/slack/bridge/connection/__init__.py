"""Hold the connection to Slack: one leader, its socket, and what to do when it fails."""

from __future__ import annotations
