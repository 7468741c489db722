"""Stand between a client and one Redis node, and alter the texts of its answers (RESP2)."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch_rehearsal.tampering.tampering import Tampering

_LINES, _BULK, _MANY = b"+-:", b"$", b"*"


class RedisPassage:
    """Carry connections to one node; its name is part of every place."""

    def __init__(self, tampering: Tampering, name: str, target: tuple[str, int]) -> None:
        self._tampering, self._name, self._target = tampering, name, target

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):
            upstream, back = await asyncio.open_connection(*self._target)
            asked: deque[str] = deque()
            with closing(back):
                await asyncio.gather(_asked(reader, back, asked), self._answered(upstream, writer, asked))

    async def _answered(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: deque[str]
    ) -> None:
        while True:
            first = await upstream.readuntil(b"\r\n")
            command = asked.popleft() if asked else ""
            writer.write(await self._reply(first, upstream, command))
            await writer.drain()

    async def _reply(self, first: bytes, upstream: asyncio.StreamReader, command: str) -> bytes:
        kind, said = first[:1], first[1:-2]
        if kind in _LINES:
            told = self._altered(command, said)
            return first if told == said else kind + told + b"\r\n"
        size = int(said)
        if kind == _BULK and size >= 0:
            told = self._altered(command, (await upstream.readexactly(size + 2))[:-2])
            return b"$%d\r\n%s\r\n" % (len(told), told)
        if kind == _MANY and size > 0:
            parts = [
                await self._reply(await upstream.readuntil(b"\r\n"), upstream, f"{command} {number}")
                for number in range(size)
            ]
            return first + b"".join(parts)
        return first

    def _altered(self, command: str, said: bytes) -> bytes:
        return self._tampering.altered(f"{self._name} {command}", "", said)


async def _asked(reader: asyncio.StreamReader, back: asyncio.StreamWriter, asked: deque[str]) -> None:
    """Carry commands, each a list of texts, and remember in which order they were asked."""
    try:
        while True:
            first = await reader.readuntil(b"\r\n")
            whole, words = [first], []
            for _ in range(int(first[1:-2])):
                size = await reader.readuntil(b"\r\n")
                word = await reader.readexactly(int(size[1:-2]) + 2)
                whole += [size, word]
                words.append(word[:-2].decode("utf-8", "replace"))
            asked.append(_told(words))
            back.write(b"".join(whole))
            await back.drain()
    finally:
        back.close()


def _told(words: list[str]) -> str:
    """Return a command without what is secret in it."""
    return "AUTH" if words[:1] == ["AUTH"] else " ".join(words)
