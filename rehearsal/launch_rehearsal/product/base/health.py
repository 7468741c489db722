"""Track which parts are broken, and notify listeners of changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from launch_rehearsal.product.base.plan import Part

_LOG = logging.getLogger(__name__)

Change = Callable[[bool], Awaitable[None]]
"""Called with whether the part works now."""


class Health:
    """Hold the state of every part. Use it from one event loop."""

    def __init__(self, broken: Iterable[Part] = ()) -> None:
        self._broken = set(broken)
        self._listeners: dict[Part, list[Change]] = {}
        self._turns = asyncio.Lock()
        self.restarts: dict[Part, int] = dict.fromkeys(Part, 0)
        """How often each part was repaired."""

    def works(self, part: Part) -> bool:
        """Return whether the part works."""
        return part not in self._broken

    @property
    def broken(self) -> list[Part]:
        """Return the broken parts, in the order of the parts."""
        return [part for part in Part if part in self._broken]

    def listen(self, part: Part, change: Change) -> None:
        """Call ``change`` after the part broke or was repaired."""
        self._listeners.setdefault(part, []).append(change)

    async def turn(self, part: Part, *, works: bool) -> None:
        """Break or repair a part; return once every listener was called."""
        async with self._turns:
            if self.works(part) is works:
                return
            if works:
                self._broken.discard(part)
                self.restarts[part] += 1
            else:
                self._broken.add(part)
            for change in self._listeners.get(part, []):
                await change(works)
            _LOG.info("%s %s", part, "was repaired" if works else "broke")

    async def begin(self) -> None:
        """Call the listeners of the parts that are broken from the start."""
        for part in self.broken:
            for change in self._listeners.get(part, []):
                await change(False)
