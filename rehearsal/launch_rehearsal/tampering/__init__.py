"""Alter single facts of what the fakes answer, so that one condition of a check fails at a time."""

from __future__ import annotations
