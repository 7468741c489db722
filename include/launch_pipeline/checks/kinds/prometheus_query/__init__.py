"""Define the check kind ``prometheus_query``, and observe for it."""

from __future__ import annotations
