"""Fetches a report and its sidecar: a file, ``https://`` or ``s3://``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from yarl import URL

from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
from launch_pipeline.errors import Inconclusive, NotConnected, Unreachable

SIZE_LIMIT = 20 * 1024 * 1024
SIDECAR = ".meta.json"
_DEFAULT, _AWS = "reports", "aws"


class Place(Protocol):
    """Where a report is."""

    @property
    def conn_id(self) -> str:
        """The Airflow connection."""

    @property
    def uri(self) -> str:
        """``https://``, ``s3://bucket/key``, ``file://`` or a path."""


@dataclass(frozen=True)
class Found:
    """The content of a report and its sidecar."""

    content: bytes
    sidecar: dict[str, Any]


async def fetched(place: Place, ctx: CheckContext) -> Found:
    """Fetch a report; raises Inconclusive if there is none, Unreachable if its server does not answer."""
    scheme = urlsplit(place.uri).scheme
    if scheme == "https":
        return await _downloaded(place, ctx)
    if scheme == "s3":
        return await _from_s3(place, ctx)
    if scheme in {"", "file"}:
        path = Path(unquote(urlsplit(place.uri).path) if scheme else place.uri)
        return await asyncio.to_thread(_read, path)
    message = f"reports at {scheme}:// cannot be read; use https://, s3://, file:// or a path"
    raise Inconclusive(message)


def _read(path: Path) -> Found:
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        message = f"no report at {path}: {error.strerror or error}"
        raise Inconclusive(message) from error
    _bounded(content, str(path))
    beside = path.with_name(path.name + SIDECAR)
    try:
        raw = beside.read_bytes() if beside.stat().st_size < SIZE_LIMIT else b""
    except FileNotFoundError:
        return Found(content, {})
    except OSError as error:
        message = f"{beside} cannot be read: {error.strerror or error}"
        raise Inconclusive(message) from error
    return Found(content, _sidecar(raw, str(beside)))


def _bounded(content: bytes, where: str) -> None:
    if len(content) > SIZE_LIMIT:
        message = f"{where} is larger than 20 MiB"
        raise Inconclusive(message)


def _sidecar(raw: bytes, where: str) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        message = f"{where} is not a JSON object with 'commit' and 'generated_at'"
        raise Inconclusive(message)
    return document


async def _from_s3(place: Place, ctx: CheckContext) -> Found:
    """Read ``s3://bucket/key`` and its sidecar with the report's connection, or with ``aws``."""
    from launch_pipeline.checks.clients.aws import client, read_object  # noqa: PLC0415  (heavy)

    parts = urlsplit(place.uri, allow_fragments=False)
    bucket, key = parts.netloc, parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")
    connection = await _s3_connection(place, ctx)
    async with (
        ctx.clients.limit(f"aws:{connection.conn_id}"),
        client(ctx, connection, "s3") as opened,
    ):
        content = await read_object(opened, bucket, key, SIZE_LIMIT + 1)
        beside = await read_object(opened, bucket, key + SIDECAR, SIZE_LIMIT)
    if content is None:
        message = f"no report at {place.uri}"
        raise Inconclusive(message)
    _bounded(content, place.uri)
    return Found(content, {} if beside is None else _sidecar(beside, place.uri + SIDECAR))


async def _s3_connection(place: Place, ctx: CheckContext) -> ConnectionInfo:
    try:
        own = await ctx.connection(place.conn_id)
    except NotConnected:
        if place.conn_id != _DEFAULT:
            raise
    else:
        if own.scheme not in {"http", "https"} or place.conn_id != _DEFAULT:
            return own
    return await ctx.connection(_AWS)


async def _downloaded(place: Place, ctx: CheckContext) -> Found:
    from launch_pipeline.checks.clients.http import credentials  # noqa: PLC0415  (files need no client)

    try:
        connection = await ctx.connection(place.conn_id)
    except NotConnected:
        connection = ConnectionInfo(conn_id=place.conn_id)
    url = URL(place.uri)
    own = bool(connection.host) and URL(connection.base_url).origin() == url.origin()
    proof = credentials(connection) if own else {}
    content = await _get(ctx, connection, url, proof)
    if content is None:
        message = f"no report at {place.uri}"
        raise Inconclusive(message)
    beside = await _get(ctx, connection, url.with_path(url.path + SIDECAR), proof)
    return Found(content, {} if beside is None else _sidecar(beside, place.uri + SIDECAR))


async def _get(
    ctx: CheckContext, connection: ConnectionInfo, url: URL, proof: dict[str, str]
) -> bytes | None:
    """Download at most 20 MiB; None if there is no such file."""
    from launch_pipeline.checks.clients import http  # noqa: PLC0415  (files need no client)

    request = http.Request(url=url, credentials=proof, follow_redirects=True)
    async with ctx.clients.limit(http.authority(url)):
        answer = await http.send(ctx, connection, request, most=SIZE_LIMIT)
    if answer.status in {404, 410}:
        return None
    wait = http.busy(answer)
    if wait is not None:
        raise wait
    if answer.status in {401, 403}:
        raise http.refused_credentials(answer, connection.conn_id)
    if answer.status != 200:  # noqa: PLR2004
        message = f"{answer.url} answered {answer.status} instead of the report"
        raise Unreachable(message, retryable=answer.status >= 500)  # noqa: PLR2004
    if not answer.complete:
        _bounded(b"." * (SIZE_LIMIT + 1), str(url))
    return answer.body
