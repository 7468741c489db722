"""Play the product itself: its services, edge, database, caches."""

from __future__ import annotations
