"""Define the check kind ``prometheus_rule``, and observe for it."""

from __future__ import annotations
