"""``launch status``: read a launch, time its windows, and render it."""

from __future__ import annotations
