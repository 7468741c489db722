"""Define the check kind ``dns_record``, and observe for it."""

from __future__ import annotations
