"""Queues and limits of answers: places in order of arrival, answers per account, repeats over time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable


@dataclass(slots=True)
class _Queue:
    places: asyncio.Semaphore
    here: int = 0
    """How many wait for a place or hold one."""


class Turns:
    """A number of places for each key, first come, first served. For one event loop."""

    def __init__(self, places: int = 1) -> None:
        self._places = places
        self._queues: dict[Hashable, _Queue] = {}

    def here(self, key: Hashable) -> int:
        """Return how many wait for a place of this key or hold one."""
        queue = self._queues.get(key)
        return queue.here if queue else 0

    @asynccontextmanager
    async def turn(self, key: Hashable, patience: float | None = None) -> AsyncIterator[bool]:
        """Wait for a place; yields False where none was free within ``patience`` seconds."""
        queue = self._queues.setdefault(key, _Queue(asyncio.Semaphore(self._places)))
        queue.here += 1
        try:
            mine = await _acquired(queue.places, patience)
            try:
                yield mine
            finally:
                if mine:
                    queue.places.release()
        finally:
            queue.here -= 1
            if not queue.here:
                del self._queues[key]


async def _acquired(places: asyncio.Semaphore, patience: float | None) -> bool:
    try:
        async with asyncio.timeout(patience):
            return await places.acquire()
    except TimeoutError:
        return False


class AccountLimit:
    """Limits the answers that one account has in progress, so that it leaves room for the others."""

    def __init__(self, at_once: int, most: int) -> None:
        self._most = most
        self._counted = Turns(most)
        self._turns = Turns(at_once)

    @asynccontextmanager
    async def counted(self, user: str) -> AsyncIterator[bool]:
        """Count an answer while it is in progress; yields False at once where the account has too many."""
        if self._counted.here(user) >= self._most:
            yield False
            return
        async with self._counted.turn(user):
            yield True

    @asynccontextmanager
    async def place(self, user: str) -> AsyncIterator[None]:
        """Wait for a place among the answers of this account that are processed at once."""
        async with self._turns.turn(user):
            yield


class Seldom:
    """Limits how often something may be done, for the ``most`` newest keys. For any thread."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._last: OrderedDict[Hashable, float] = OrderedDict()
        self._alone = threading.Lock()

    def again(self, key: Hashable, every: float) -> bool:
        """Return whether this was not done within ``every`` seconds, and if so note it as done now."""
        now = time.monotonic()
        with self._alone:
            if now - self._last.get(key, -every) < every:
                return False
            self._last[key] = now
            self._last.move_to_end(key)
            while len(self._last) > self._most:
                self._last.popitem(last=False)
            return True
