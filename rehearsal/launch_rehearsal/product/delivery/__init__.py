"""Play the delivery chain: repository, registry, reports, GitHub."""

from __future__ import annotations
