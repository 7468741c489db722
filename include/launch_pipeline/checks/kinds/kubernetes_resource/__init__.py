"""Define the check kind ``kubernetes_resource``, and observe for it."""

from __future__ import annotations
