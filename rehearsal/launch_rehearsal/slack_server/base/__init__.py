"""Hold the workspace, its members and the faults to simulate."""

from __future__ import annotations
