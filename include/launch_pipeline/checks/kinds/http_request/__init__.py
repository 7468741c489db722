"""Define the check kind ``http_request``, and observe for it."""

from __future__ import annotations
