"""Define the check kind ``git_repository``, and observe for it."""

from __future__ import annotations
