"""Serve the product's Loki, whose answers count the lines that the services wrote."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from launch_rehearsal.product.monitoring.rules import LOG_RULES, rules
from launch_rehearsal.vendors.loki import Loki

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_rehearsal.product.base.logs import Logs

_CONFIG = """\
auth_enabled: false
compactor:
  retention_enabled: true
limits_config:
  retention_period: 744h
"""
_BY = re.compile(r"count\(\s*count by \((?P<label>\w+)\)")
_LOOKS = 8
_PAUSE = 0.1
_HOUR = 3600.0


class ProductLoki(Loki):
    """Serve Loki's API over the product's log lines."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(_CONFIG)
        self._logs = logs

    async def values(self, query: str) -> Sequence[Any]:
        """Return the number of matching lines, or of applications that wrote one; nothing for zero."""
        counts = await self._settled(query)
        value = len(counts) if _BY.search(query) else sum(counts.values())
        return [value] if value else []

    async def log_lines(self, query: str, since: float) -> Sequence[tuple[float, str]]:
        """Return the lines of the streams, newest first; filters are not understood."""
        return [(line.at, line.text) for line in self._logs.newest(query, since)]

    async def streams(self, selector: str) -> Sequence[dict[str, str]]:
        """Return the streams of the last hour."""
        found = {tuple(sorted(line.labels.items())) for line in self._logs.newest(selector, _HOUR)}
        return [dict(labels) for labels in sorted(found)]

    def alert_rules(self) -> list[dict[str, Any]]:
        """Return the rules over logs; none of them fires."""
        return rules(LOG_RULES, ())

    async def _settled(self, query: str) -> dict[str, int]:
        """Count; where nothing matches, wait for lines that may be on their way."""
        for _ in range(_LOOKS):
            if counts := self._logs.count(query):
                return counts
            await asyncio.sleep(_PAUSE)
        return self._logs.count(query)
