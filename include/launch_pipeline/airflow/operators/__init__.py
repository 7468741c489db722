"""Run in a worker: an item, the gate of a phase, the steps of a launch."""

from __future__ import annotations
