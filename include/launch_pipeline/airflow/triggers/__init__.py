"""Run in the triggerer: checks that repeat, and waits. Nothing here blocks its loop."""

from __future__ import annotations
