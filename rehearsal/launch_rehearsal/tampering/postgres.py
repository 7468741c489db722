"""Stand between a client and PostgreSQL, and alter the rows of its answers (protocol 3.0, as texts)."""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launch_rehearsal.tampering.tampering import Tampering

PLACE = "SQL"
_ENCRYPTION = {80877103, 80877104}
"""The requests for TLS and for GSSAPI; both are declined."""
_COLUMNS, _ROW, _COMPLETE = b"T", b"D", b"C"
_QUERY, _PARSE = b"Q", b"P"
_NULL = -1


@dataclass
class _Answer:
    """The answer to one statement, as far as it has come."""

    asked: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, str | None]] = field(default_factory=list)


class DatabasePassage:
    """Carry connections to a server; one object may carry many."""

    def __init__(self, tampering: Tampering, target: tuple[str, int]) -> None:
        self._tampering, self._target = tampering, target

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):
            upstream, back = await asyncio.open_connection(*self._target)
            answer = _Answer()
            with closing(back):
                await _started(reader, writer, back)
                await asyncio.gather(_asked(reader, back, answer), self._answered(upstream, writer, answer))

    async def _answered(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: _Answer
    ) -> None:
        while True:
            kind, body = await _message(upstream)
            if kind == _COLUMNS:
                answer.columns = _columns(body)
            if kind == _ROW and self._tampering.attentive:
                answer.rows.append(dict(zip(answer.columns, _values(body), strict=True)))
                continue
            if kind == _COMPLETE and self._tampering.attentive:
                rows = self._altered(answer)
                writer.write(b"".join(_packed(_ROW, _row(row.values())) for row in rows))
                body = _counted(body, len(rows))
            writer.write(_packed(kind, body))
            if kind == _COMPLETE:
                answer.rows, answer.columns = [], []
            await writer.drain()

    def _altered(self, answer: _Answer) -> list[dict[str, Any]]:
        if not answer.columns:
            return []
        told = json.dumps(answer.rows).encode()
        rows: list[dict[str, Any]] = json.loads(self._tampering.altered(PLACE, answer.asked, told))
        return [{name: row.get(name) for name in answer.columns} for row in rows]


async def _started(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
) -> None:
    """Carry the first message, after declining encryption."""
    while True:
        size = await reader.readexactly(4)
        rest = await reader.readexactly(struct.unpack("!i", size)[0] - 4)
        if struct.unpack("!i", rest[:4])[0] not in _ENCRYPTION:
            back.write(size + rest)
            return
        writer.write(b"N")
        await writer.drain()


async def _asked(reader: asyncio.StreamReader, back: asyncio.StreamWriter, answer: _Answer) -> None:
    try:
        while True:
            kind, body = await _message(reader)
            if kind in {_QUERY, _PARSE}:
                text = body if kind == _QUERY else body.split(b"\0", 1)[1]
                answer.asked = " ".join(text.split(b"\0", 1)[0].decode("utf-8", "replace").split())
            back.write(_packed(kind, body))
            await back.drain()
    finally:
        back.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    size = struct.unpack("!i", await reader.readexactly(4))[0]
    return kind, await reader.readexactly(size - 4)


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _columns(body: bytes) -> list[str]:
    names, place = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", place)
        names.append(body[place:end].decode())
        place = end + 19
    return names


def _values(body: bytes) -> list[str | None]:
    values: list[str | None] = []
    place = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        size = struct.unpack("!i", body[place : place + 4])[0]
        place += 4
        values.append(None if size == _NULL else body[place : place + size].decode("utf-8", "replace"))
        place += max(size, 0)
    return values


def _row(values: Any) -> bytes:
    parts = [None if value is None else str(value).encode() for value in values]
    sized = [
        struct.pack("!i", _NULL) if part is None else struct.pack("!i", len(part)) + part for part in parts
    ]
    return struct.pack("!h", len(sized)) + b"".join(sized)


def _counted(body: bytes, rows: int) -> bytes:
    """Return the tag of a completed statement with another count of rows."""
    words = body.rstrip(b"\0").split()
    return b"SELECT %d\0" % rows if words[:1] == [b"SELECT"] else body
