"""Compose messages in Block Kit. Pure."""

from __future__ import annotations
