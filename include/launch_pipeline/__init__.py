"""A production-launch checklist that runs: every item one task, every answer kept."""

from __future__ import annotations
