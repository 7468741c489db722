"""Handle what people do in Slack: clicks, forms, answers."""

from __future__ import annotations
