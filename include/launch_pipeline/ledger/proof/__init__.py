"""Verify the rows of a launch, or name the first one that is wrong."""

from __future__ import annotations
