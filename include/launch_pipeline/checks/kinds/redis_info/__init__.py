"""Define the check kind ``redis_info``, and observe for it."""

from __future__ import annotations
