"""Define the check kind ``object_storage``, and observe for it."""

from __future__ import annotations
