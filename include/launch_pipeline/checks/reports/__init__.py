"""Read reports of tools: what more than one kind of check reads of them."""

from __future__ import annotations
