"""Answer as a Redis server does, for deployments that cannot be started here (RESP2 over TCP)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Reply = bytes | str | list["Reply"]
"""A status or an error as it goes over the wire, a text, or an array."""
Answers = dict[str, "Reply | Callable[[int], Reply]"]
"""Replies by command, in capitals, such as ``CLUSTER NODES``; a function gets the server's own port."""
PONG, OK = b"+PONG\r\n", b"+OK\r\n"


def encoded(reply: Reply) -> bytes:
    """Encode a reply (https://redis.io/docs/reference/protocol-spec)."""
    if isinstance(reply, bytes):
        return reply
    if isinstance(reply, str):
        raw = reply.encode()
        return b"$%d\r\n%s\r\n" % (len(raw), raw)
    return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))


async def _command(reader: asyncio.StreamReader) -> list[str]:
    count = int((await reader.readuntil(b"\r\n"))[1:])
    words = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode())
    return words


@asynccontextmanager
async def serving(answers: Answers, port: int = 0) -> AsyncIterator[int]:
    """Answer by a table on a port of loopback; gives the port. An unknown command is an error."""
    own = [port]

    def reply(words: list[str]) -> Reply:
        first, second = words[0].upper(), " ".join(words[:2]).upper()
        found = answers.get(second, answers.get(first, f"-ERR unknown command '{words[0]}'\r\n".encode()))
        return found(own[0]) if callable(found) else found

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(encoded(reply(await _command(reader))))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    own[0] = server.sockets[0].getsockname()[1]
    async with server:
        yield own[0]
