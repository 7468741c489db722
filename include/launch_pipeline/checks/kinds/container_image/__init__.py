"""Define the check kind ``container_image``, and observe for it."""

from __future__ import annotations
