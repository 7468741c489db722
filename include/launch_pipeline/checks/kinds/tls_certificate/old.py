"""Ask a server whether it speaks an old version of TLS, by a ClientHello of our own.

The ServerHello alone decides (RFC 5246, section 7.4.1.3): what follows, such as a wanted client
certificate, says nothing about the version. Our own hello offers every cipher suite of old, also
those that this machine's OpenSSL has no code for any more.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from launch_pipeline.checks.clients.http import spoken

if TYPE_CHECKING:
    from launch_pipeline.checks.kinds.tls_certificate.handshake import Place

OLD = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}
"""Versions that may be probed for, from the oldest on."""
_NAMES = {0x0300: "SSLv3", **{number: name for name, number in OLD.items()}}
_ALERT, _HANDSHAKE, _SERVER_HELLO, _WARNING = 21, 22, 2, 1
_REFUSALS = {40, 70, 71, 86}
"""handshake_failure, protocol_version, insufficient_security, inappropriate_fallback (RFC 5246, 7507)."""
_LONGEST_RECORD = 2**14 + 2048
_SUITES = (
    *range(0x0001, 0x001C), *range(0x002F, 0x003B), *range(0x0041, 0x0047), *range(0x0084, 0x008A),
    *range(0x0096, 0x009C), *range(0xC001, 0xC01A),
)  # fmt: skip
"""Suites of TLS 1.0 and 1.1: RSA, DH, ECDH with NULL, RC4, DES, 3DES, IDEA, AES, CAMELLIA, SEED."""
_NEWER_SUITES = (
    0x003C, 0x003D, 0x0040, 0x0067, 0x006A, 0x006B, *range(0x009C, 0x00A0), 0x00A2, 0x00A3,
    *range(0xC023, 0xC033), *range(0xC09C, 0xC0A4), *range(0xC0AC, 0xC0B0), *range(0xCCA8, 0xCCAB),
)  # fmt: skip
_RENEGOTIATION = 0x00FF
"""Says that we renegotiate safely: some servers refuse a hello without it (RFC 5746, section 3.3)."""
_SMALLEST, _STEP = 512, 256
"""Some load balancers drop a hello of 256 to 511 bytes, or 10 or 14 over a multiple of 256 (RFC 7685)."""


class Word(StrEnum):
    """What a server answers to a hello."""

    SPEAKS = auto()
    REFUSES = auto()
    CLOSES = auto()
    SILENT = auto()
    UNCLEAR = auto()


@dataclass(frozen=True)
class Said:
    """A server's answer; ``note`` is the version it chose, or why the answer says nothing."""

    word: Word
    note: str = ""


async def speaks(place: Place, old: str, patience: float) -> Said:
    """Return SPEAKS, REFUSES, CLOSES or UNCLEAR; silence is unclear too, and is not asked again.

    CLOSES says that a plainer hello was closed as well.
    """
    full = await _asked(place, OLD[old], patience / 2)
    if full.word not in {Word.CLOSES, Word.UNCLEAR}:
        return _told(full, old)
    plain = await _asked(place, OLD[old], patience / 4, plain=True)
    closed = full.word is Word.CLOSES and plain.word is Word.CLOSES
    return full if closed else _told(plain, old)


def settled(said: Said, old: str, *, modern: bool) -> Said:
    """Judge an answer; some stacks close the connection instead of sending an alert.

    That is a refusal where a handshake of our own day succeeds (``modern``).
    """
    if said.word is Word.CLOSES and modern:
        return Said(Word.REFUSES)
    return _told(said, old)


def _told(said: Said, old: str) -> Said:
    if said.word in {Word.SPEAKS, Word.REFUSES}:
        return said
    return Said(Word.UNCLEAR, f"whether the server speaks {old} is unknown: {said.note}")


async def _asked(place: Place, version: int, patience: float, *, plain: bool = False) -> Said:
    try:
        async with asyncio.timeout(patience):
            kind, body = await _first_record(place, hello(place.name, version, plain=plain))
    except TimeoutError:
        return Said(Word.SILENT, f"it did not answer this hello within {patience:.3g}s")
    except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
        return Said(Word.CLOSES, "it closed the connection")
    except OSError as error:
        return Said(Word.UNCLEAR, spoken(error))
    return _judged(kind, body, version)


async def _first_record(place: Place, first: bytes) -> tuple[int, bytes]:
    """Send a hello and return type and content of the first record that is no mere warning."""
    reader, writer = await asyncio.open_connection(place.address, place.port)
    try:
        writer.write(first)
        while True:
            kind, _, length = struct.unpack("!BHH", await reader.readexactly(5))
            body = await reader.readexactly(min(length, _LONGEST_RECORD))
            if (kind, body[:1]) != (_ALERT, bytes([_WARNING])):
                return kind, body
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def _judged(kind: int, body: bytes, version: int) -> Said:
    """Judge the first record; a server that chooses a version newer than the offered one has refused it."""
    if kind == _HANDSHAKE and body[:1] == bytes([_SERVER_HELLO]) and len(body) >= 6:  # noqa: PLR2004
        chosen = int.from_bytes(body[4:6], "big")
        return Said(Word.SPEAKS, _NAMES.get(chosen, hex(chosen))) if chosen <= version else Said(Word.REFUSES)
    if kind != _ALERT or len(body) < 2:  # noqa: PLR2004
        return Said(Word.UNCLEAR, f"it answered something else than TLS (record of type {kind})")
    if body[1] == 0:
        return Said(Word.CLOSES, "it closed the connection")
    return Said(Word.REFUSES) if body[1] in _REFUSALS else Said(Word.UNCLEAR, f"it sent alert {body[1]}")


def hello(name: str, version: int, *, plain: bool = False) -> bytes:
    """Build a ClientHello of one version; a plain one has no extension but the server's name."""
    suites = (*_SUITES, *(_NEWER_SUITES if version == OLD["TLSv1.2"] else ()), _RENEGOTIATION)
    extensions = _server_name(name) + (b"" if plain else _extensions())
    start = struct.pack("!H", version) + os.urandom(32) + b"\0"
    start += _sized(b"".join(struct.pack("!H", suite) for suite in suites)) + b"\x01\0"
    body = start + _sized(extensions + (b"" if plain else _padding(len(start) + len(extensions) + 6)))
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + _sized(handshake)


def _sized(content: bytes) -> bytes:
    return struct.pack("!H", len(content)) + content


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack("!H", number) + _sized(content)


def _server_name(name: str) -> bytes:
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return b""
    return _extension(0, _sized(b"\0" + _sized(name.encode("ascii"))))


def _extensions() -> bytes:
    groups = b"".join(struct.pack("!H", group) for group in (29, 23, 24, 25, *range(14), 30))
    hashes = b"".join(bytes([digest, key]) for digest in (6, 5, 4, 3, 2) for key in (3, 1, 2))
    return (
        _extension(10, _sized(groups)) + _extension(11, b"\x03\0\x01\x02")
        + _extension(13, _sized(b"\x08\x04\x08\x05\x08\x06" + hashes)) + _extension(23, b"")
    )  # fmt: skip


def _padding(length: int) -> bytes:
    """Return the padding extension that brings a hello of ``length`` to a size that is safe."""
    wanted = max(_SMALLEST, -(-(length + 4) // _STEP) * _STEP)
    return _extension(21, bytes(wanted - length - 4))
