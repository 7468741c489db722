"""Define the check kind ``report``, and observe for it."""

from __future__ import annotations
