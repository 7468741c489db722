"""Decide for workers and triggers alike: retries, openings, whose run it is, which answer counts."""

from __future__ import annotations
