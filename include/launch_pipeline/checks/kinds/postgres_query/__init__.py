"""Define the check kind ``postgres_query``, and observe for it."""

from __future__ import annotations
