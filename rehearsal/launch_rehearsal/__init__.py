"""Rehearse a launch in minutes: the shipped Dags, a fake product, a fake Slack and simulated people."""

from __future__ import annotations
