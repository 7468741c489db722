"""Keep the bridge connected to Slack: startup checks, Socket Mode, watchdog, leadership."""

from __future__ import annotations
