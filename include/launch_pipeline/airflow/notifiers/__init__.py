"""Announce phases and launches from a worker."""

from __future__ import annotations
