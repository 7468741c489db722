"""Run a rehearsal from start to summary."""

from __future__ import annotations
