"""Guard answers to requests, whether they come from the UI, REST or Slack."""

from __future__ import annotations
