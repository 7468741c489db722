"""Diagnose: what is connected, and whether a deployment is ready for a launch."""

from __future__ import annotations
