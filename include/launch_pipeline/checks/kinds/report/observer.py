"""Observes ``report``: its commit, its age, and its results.

A report that is missing, stale, about another commit or image or without commit and time is inconclusive,
since it proves nothing about this release.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from yarl import URL

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
from launch_pipeline.checks.kinds.report.parse import Malformed, parse_report
from launch_pipeline.checks.language.image_references import is_of
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, NotConnected, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.kinds.report.definition import ReportParams
    from launch_pipeline.checks.kinds.report.formats.parsed import Parsed

SIZE_LIMIT = 20 * 1024 * 1024
_SIDECAR = ".meta.json"
_DEFAULT, _AWS = "reports", "aws"
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class _Found:
    """The content of a report and its sidecar."""

    content: bytes
    sidecar: dict[str, Any]


async def observe(params: ReportParams, ctx: CheckContext) -> Observation:
    """Read each report; raises Inconclusive if one proves nothing about this commit or its image."""
    one_by_one = [params.model_copy(update={"uri": uri}) for uri, _ in params.targets]
    read = await together(_read_one(one, ctx) for one in one_by_one)
    for (uri, image), (subject, _) in zip(params.targets, read, strict=True):
        _about_this_image(uri, image, subject)
    subjects = tuple(subject for subject, _ in read)
    whole = {subject.name: summary for subject, summary in read}
    return Observation(
        subjects=subjects, authority=params.uri, summary=whole if params.images else read[0][1]
    )


async def _read_one(params: ReportParams, ctx: CheckContext) -> tuple[Subject, dict[str, Any]]:
    """Read the report at ``uri``: what it says, and a summary of it."""
    found = await _found(params, ctx)
    try:
        parsed = await asyncio.to_thread(
            parse_report, params.format, found.content, params.rules, params.require
        )
    except ValueError as error:
        what = f"is not a {params.format} report" if isinstance(error, Malformed) else "proves nothing"
        message = f"{params.uri} {what}: {error}"[:300]
        raise Inconclusive(message) from error
    beside = str(found.sidecar.get("commit") or "")
    commit = _commit(params, beside, _inside(params, parsed, beside))
    generated = _when(found.sidecar.get("generated_at")) or _when(parsed.generated_at)
    _refuse_unproven(params, found.sidecar)
    _about_this_commit(params, commit)
    _fresh(params, generated, ctx.clock())
    facts = {
        **parsed.facts,
        "tool": parsed.tool,
        "subject": commit,
        "generated_at": generated.isoformat() if generated else None,
    }
    unknown = dict(parsed.unknown)
    summary = {**facts, **({"unknown": unknown} if unknown else {}), "worst": parsed.worst}
    return Subject(name=params.uri, facts=facts, unknown=unknown), summary


def _about_this_image(uri: str, image: str, subject: Subject) -> None:
    """Raise Inconclusive where a report is about another image than the one it stands for."""
    if not image:
        return
    scanned = subject.facts.get("images") or ()
    if not any(is_of(name, image) for name in scanned):
        told = ", ".join(scanned)[:100] or "no image"
        message = f"{uri} is about {told}, not {image}"
        raise Inconclusive(message)


def _commit(params: ReportParams, beside: str, inside: str) -> str:
    """Return the commit; raises Inconclusive if report and sidecar disagree: one of them was replaced."""
    if beside and inside and beside.strip().lower() != inside.strip().lower() and params.subject.strip():
        message = f"{params.uri} names commit {_short(inside)}, but the {_SIDECAR} beside it {beside[:12]}"
        raise Inconclusive(message)
    return beside or inside


def _inside(params: ReportParams, parsed: Parsed, beside: str) -> str:
    """Return the commit that the report names; raises Inconclusive if a part and the sidecar name none.

    A part may cover several repositories: the wanted commit is one of those that it names.
    """
    wanted = params.subject.strip().lower()
    named = [[commit.strip().lower() for commit in part] for part in parsed.commits if part]
    other = next((part[0] for part in named if wanted not in part), "")
    if not named or other:
        return other or parsed.commit
    if len(named) < len(parsed.commits) and not beside:
        message = f"a part of {params.uri} does not name its commit; write {_SIDECAR} beside it"
        raise Inconclusive(message)
    return wanted


def _refuse_unproven(params: ReportParams, sidecar: dict[str, Any]) -> None:
    """Raise Inconclusive where the program that wrote the report did not run on a known commit."""
    reason = sidecar.get("unproven")
    if reason and params.subject.strip():
        message = f"{params.uri} is about no known commit: {reason}"
        raise Inconclusive(message[:400])


def _about_this_commit(params: ReportParams, commit: str) -> None:
    wanted = params.subject.strip().lower()
    if not wanted:
        return
    if not commit:
        message = f"{params.uri} does not name its commit; write {_SIDECAR} beside it"
        raise Inconclusive(message)
    if commit.strip().lower() != wanted:
        message = f"{params.uri} is about commit {_short(commit)}, not {wanted[:12]}"
        raise Inconclusive(message)


def _short(commits: str) -> str:
    return ", ".join(commit[:12] for commit in commits.split(", "))[:100]


def _fresh(params: ReportParams, generated: datetime | None, now: datetime) -> None:
    if generated is None:
        message = f"{params.uri} does not say when it was generated; write {_SIDECAR} beside it"
        raise Inconclusive(message)
    age = now - generated
    if age > params.max_age:
        hours = age.total_seconds() / 3600
        message = f"{params.uri} is stale: {hours:.1f} h old, want at most {format_duration(params.max_age)}"
        raise Inconclusive(message)
    if age < -_SKEW:
        message = f"{params.uri} says that it was generated in the future ({generated.isoformat()})"
        raise Inconclusive(message)


def _when(value: Any) -> datetime | None:
    """Parse the time of a report; without a zone it is UTC, as in JUnit XML."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    read = moment(value)
    if read is None and isinstance(value, str):
        read = moment(f"{value.strip()}+00:00")
    return read


async def _found(params: ReportParams, ctx: CheckContext) -> _Found:
    scheme = urlsplit(params.uri).scheme
    if scheme == "https":
        return await _downloaded(params, ctx)
    if scheme == "s3":
        return await _from_s3(params, ctx)
    if scheme in {"", "file"}:
        path = Path(unquote(urlsplit(params.uri).path) if scheme else params.uri)
        return await asyncio.to_thread(_read, path)
    message = f"reports at {scheme}:// cannot be read; use https://, s3://, file:// or a path"
    raise Inconclusive(message)


def _read(path: Path) -> _Found:
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        message = f"no report at {path}: {error.strerror or error}"
        raise Inconclusive(message) from error
    _bounded(content, str(path))
    beside = path.with_name(path.name + _SIDECAR)
    try:
        raw = beside.read_bytes() if beside.stat().st_size < SIZE_LIMIT else b""
    except FileNotFoundError:
        return _Found(content, {})
    except OSError as error:
        message = f"{beside} cannot be read: {error.strerror or error}"
        raise Inconclusive(message) from error
    return _Found(content, _sidecar(raw, str(beside)))


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


async def _from_s3(params: ReportParams, ctx: CheckContext) -> _Found:
    """Read ``s3://bucket/key`` and its sidecar with the report's connection, or with ``aws``."""
    from launch_pipeline.checks.clients.aws import client, read_object  # noqa: PLC0415  (heavy)

    parts = urlsplit(params.uri, allow_fragments=False)
    bucket, key = parts.netloc, parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")
    connection = await _s3_connection(params, ctx)
    async with (
        ctx.clients.limit(f"aws:{connection.conn_id}"),
        client(ctx, connection, "s3") as opened,
    ):
        content = await read_object(opened, bucket, key, SIZE_LIMIT + 1)
        beside = await read_object(opened, bucket, key + _SIDECAR, SIZE_LIMIT)
    if content is None:
        message = f"no report at {params.uri}"
        raise Inconclusive(message)
    _bounded(content, params.uri)
    return _Found(content, {} if beside is None else _sidecar(beside, params.uri + _SIDECAR))


async def _s3_connection(params: ReportParams, ctx: CheckContext) -> ConnectionInfo:
    try:
        own = await ctx.connection(params.conn_id)
    except NotConnected:
        if params.conn_id != _DEFAULT:
            raise
    else:
        if own.scheme not in {"http", "https"} or params.conn_id != _DEFAULT:
            return own
    return await ctx.connection(_AWS)


async def _downloaded(params: ReportParams, ctx: CheckContext) -> _Found:
    from launch_pipeline.checks.clients.http import credentials  # noqa: PLC0415  (files need no client)

    try:
        connection = await ctx.connection(params.conn_id)
    except NotConnected:
        connection = ConnectionInfo(conn_id=params.conn_id)
    url = URL(params.uri)
    own = bool(connection.host) and URL(connection.base_url).origin() == url.origin()
    proof = credentials(connection) if own else {}
    content = await _get(ctx, connection, url, proof)
    if content is None:
        message = f"no report at {params.uri}"
        raise Inconclusive(message)
    beside = await _get(ctx, connection, url.with_path(url.path + _SIDECAR), proof)
    return _Found(content, {} if beside is None else _sidecar(beside, params.uri + _SIDECAR))


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
