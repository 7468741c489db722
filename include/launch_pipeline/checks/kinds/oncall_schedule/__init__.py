"""Define the check kind ``oncall_schedule``, and observe for it."""

from __future__ import annotations
