"""Hold the workspace, its members and the faults to play."""

from __future__ import annotations
