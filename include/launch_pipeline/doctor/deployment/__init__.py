"""Examine a running deployment, row by row."""

from __future__ import annotations
