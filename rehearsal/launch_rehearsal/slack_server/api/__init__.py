"""Answer Slack's Web API."""

from __future__ import annotations
