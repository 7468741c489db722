"""Define the check kind ``log_query``, and observe for it."""

from __future__ import annotations
