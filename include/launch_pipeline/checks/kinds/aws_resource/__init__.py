"""Define the check kind ``aws_resource``, and observe for it."""

from __future__ import annotations
