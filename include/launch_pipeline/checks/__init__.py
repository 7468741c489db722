"""Checks: observe what is there, judge it against what is expected, keep the evidence."""

from __future__ import annotations
