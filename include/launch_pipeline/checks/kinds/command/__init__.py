"""Define the check kind ``command``, and observe for it."""

from __future__ import annotations
