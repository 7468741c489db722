"""Reads manifests and blobs from an OCI registry, with the token flow of ``WWW-Authenticate``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yarl import URL

from launch_pipeline.checks.clients.http import (
    Answer,
    Request,
    authority,
    busy,
    credentials,
    refused_credentials,
    send,
)
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

INDEXES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
MANIFESTS = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
CONFIGURATIONS = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}
"""Media types of the configuration of an image that can be run; any other artifact has another."""
_ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))
_MOST_BYTES = 4 * 1024 * 1024
_BEGINNING = 8 * 1024
"""Bytes of a large blob that are read to see that it is there; an error fits into them."""
_MOST_HOPS = 3
_AT_ONCE = 8
"""Requests for blobs of one registry that are under way at the same time."""
_NEXT = re.compile(r"""<[^>]*>\s*;[^,]*\brel="?next\b""", re.IGNORECASE)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_REDIRECTS = {301, 302, 303, 307, 308}
_SCHEMA = 2
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER = 200, 401, 403, 404, 429, 500


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, with the digest of its bytes."""

    digest: str
    media_type: str
    document: dict[str, Any]


@dataclass(frozen=True)
class Registry:
    """A registry, reached by one connection."""

    ctx: CheckContext
    connection: ConnectionInfo
    tokens: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    """Authorization headers by repository, for one check."""
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE), repr=False)

    @property
    def base(self) -> URL:
        """The registry's URL."""
        return URL(self.connection.base_url)

    async def manifest(self, name: str, reference: str) -> Manifest | None:
        """Read a manifest by tag or digest; None if it does not exist.

        The digest is that of the bytes: ``Docker-Content-Digest`` is optional by the specification.
        Raises Inconclusive if the registry's header contradicts them.
        """
        answer = await self.get(name, f"manifests/{reference}", _ACCEPT)
        if answer is None:
            return None
        document = _object(answer)
        media_type = _media_type(answer, document, f"{name}:{reference}")
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        claims = {reference, answer.headers.get("docker-content-digest", "")}
        if not all(_holds(answer.body, claim) for claim in claims):
            message = f"{answer.url} returns bytes for {name}:{reference} that do not match the digest"
            raise Inconclusive(message)
        return Manifest(digest, media_type, document)

    async def blob(self, name: str, digest: str) -> bytes | None:
        """Read a small blob, such as the configuration of an image; None if it does not exist."""
        async with self.turn:
            answer = await self.get(name, f"blobs/{digest}", "*/*")
        if answer is None:
            return None
        if not answer.complete:
            message = f"{answer.url} answered more than 4 MiB for the blob {digest} of {name}"
            raise Inconclusive(message)
        if not _holds(answer.body, digest):
            message = f"{authority(self.base)} returns bytes that do not match {digest}"
            raise Inconclusive(message)
        return answer.body

    async def lacks(self, name: str, descriptor: Mapping[str, Any]) -> str:
        """Return why a blob cannot be pulled; empty if it is there, in its size.

        Storage behind a registry often refuses HEAD, and some registries give no size with it: what HEAD does
        not confirm, the beginning of a GET must.
        """
        what = f"blobs/{descriptor.get('digest')}"
        for method in ("HEAD", "GET"):
            async with self.turn:
                answer = await self._ask(name, what, "*/*", method, most=_BEGINNING)
            wrong = _size(answer, descriptor) if answer.status == _OK else "no"
            if not wrong:
                return ""
        found = self._judged(answer, f"{name} {what}", any_404=answer.url != authority(self.base))
        return "is not in the registry" if found is None else wrong

    async def referrers(self, name: str, digest: str) -> tuple[list[dict[str, Any]], bool]:
        """List the referrers of a manifest, by the API or its fallback tag; and whether there are more."""
        answer = await self.get(name, f"referrers/{digest}", ", ".join(INDEXES), any_404=True)
        if answer is not None:
            more = _NEXT.search(answer.headers.get("link", "")) is not None
            return mappings(_object(answer), "manifests"), more
        fallback = await self.manifest(name, digest.replace(":", "-"))
        return mappings(fallback.document if fallback else {}, "manifests"), False

    async def get(self, name: str, what: str, accept: str, *, any_404: bool = False) -> Answer | None:
        """Read from a repository; None if the registry says that it does not exist."""
        answer = await self._ask(name, what, accept)
        away = answer.url != authority(self.base)
        return self._judged(answer, f"{name} {what}", any_404=any_404 or away)

    async def _ask(
        self, name: str, what: str, accept: str, method: str = "GET", most: int = _MOST_BYTES
    ) -> Answer:
        """Send a request, with the proof that the registry asks for."""
        request = Request(url=self.base / "v2" / name / what, method=method, headers={"Accept": accept})
        answer = await self._send(replace(request, credentials=self.tokens.get(name, {})), most)
        if answer.status == _UNAUTHORIZED and answer.url == authority(self.base):
            self.tokens[name] = await self._proof(name, answer)
            answer = await self._send(replace(request, credentials=self.tokens[name]), most)
        return answer

    async def _send(self, request: Request, most: int) -> Answer:
        """Send a request; redirects to storage on other hosts get no credentials."""
        url, proof = request.url, request.credentials
        for _ in range(_MOST_HOPS):
            answer = await send(self.ctx, self.connection, replace(request, url=url, credentials=proof), most)
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            target = url.join(URL(location))
            if url.scheme == "https" and target.scheme != "https":
                break
            proof = proof if target.origin() == url.origin() else {}
            url = target
        message = f"{authority(self.base)} redirects too often, or from https to http"
        raise Inconclusive(message)

    async def _proof(self, name: str, answer: Answer) -> dict[str, str]:
        """Return the credentials that the registry asks for: a token of its realm, or login and password."""
        challenge = answer.headers.get("www-authenticate", "")
        own = credentials(self.connection)
        if not challenge.lower().startswith("bearer"):
            if not own:
                raise refused_credentials(answer, self.connection.conn_id)
            return own
        told = dict(_PARAMETER.findall(challenge))
        realm = URL(told.get("realm", ""))
        if realm.scheme != "https" and realm.host != self.base.host:
            message = f"{answer.url} names the token realm '{realm}', which is neither https nor the registry"
            raise Inconclusive(message[:300])
        query = [(key, told[key]) for key in ("service", "scope") if told.get(key)]
        if not told.get("scope"):
            query.append(("scope", f"repository:{name}:pull"))
        request = Request(url=realm, query=query, credentials=own)
        given = self._judged(await send(self.ctx, self.connection, request), "a token")
        document = _object(given) if given is not None else {}
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not token:
            message = f"{authority(realm)} issued no token for {name}"
            raise Inconclusive(message)
        self.ctx.seen_secrets.add(token)
        return {"Authorization": f"Bearer {token}"}

    def _judged(self, answer: Answer, what: str, *, any_404: bool = False) -> Answer | None:
        wait = busy(answer)
        if wait is not None:
            raise wait
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise refused_credentials(answer, self.connection.conn_id)
        if answer.status == _NOT_FOUND and (any_404 or _is_registry(answer)):
            return None
        if answer.status >= _SERVER or answer.status == _TOO_MANY:
            message = f"{answer.url} answered {answer.status} for {what}"
            raise Unreachable(message, retryable=answer.status != _TOO_MANY)
        if answer.status != _OK:
            message = f"{answer.url} answered {answer.status} for {what}, which is not how a registry answers"
            raise Inconclusive(message)
        return answer


def _is_registry(answer: Answer) -> bool:
    """Return whether a 404 comes from a registry and not from another web server."""
    if "docker-distribution-api-version" in answer.headers:
        return True
    try:
        return isinstance(json.loads(answer.body).get("errors"), list)
    except (ValueError, AttributeError, RecursionError):
        return False


def mappings(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the mappings of a list; an empty list if it is not there."""
    found = document.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _media_type(answer: Answer, document: Mapping[str, Any], what: str) -> str:
    """Return the media type of a manifest; raises Inconclusive if it is none, or two things at once.

    A document that is read as an index by one client and as an image by another is refused (CVE-2021-41190).
    """
    sent = answer.headers.get("content-type", "").partition(";")[0].strip()
    named = str(document.get("mediaType") or sent).partition(";")[0]
    if document.get("schemaVersion") not in {None, _SCHEMA}:
        message = (
            f"{answer.url} answers {what} as a manifest of schema {document['schemaVersion']}; push it again"
        )
        raise Inconclusive(message)
    if named not in INDEXES | MANIFESTS:
        message = f"{answer.url} answers {what} as '{named[:80]}', not a manifest"
        raise Inconclusive(message)
    both = "manifests" in document and bool({"layers", "config"} & set(document))
    other = "layers" if named in INDEXES else "manifests"
    if both or other in document or (sent in INDEXES | MANIFESTS and sent != named):
        message = f"{answer.url} answers {what} as an index and an image at once"
        raise Inconclusive(message)
    return named


def _holds(body: bytes, digest: str) -> bool:
    """Return whether bytes have a digest; one of another form, such as a tag, is no claim."""
    algorithm, colon, wanted = digest.partition(":")
    if not colon or algorithm not in {"sha256", "sha512"}:
        return True
    return hashlib.new(algorithm, body).hexdigest() == wanted


def _size(answer: Answer, descriptor: Mapping[str, Any]) -> str:
    """Return why a blob is not of the size that its manifest states."""
    told, wanted = answer.headers.get("content-length", ""), descriptor.get("size")
    if not told.isdecimal() or not isinstance(wanted, int) or "content-encoding" in answer.headers:
        return ""
    return "" if int(told[:18]) == wanted else f"has {told} bytes instead of {wanted}"


def parsed(body: bytes) -> dict[str, Any] | None:
    """Parse a JSON object; None if it is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _object(answer: Answer) -> dict[str, Any]:
    document = parsed(answer.body) if answer.complete else None
    if document is None:
        problem = "something that is not a JSON object" if answer.complete else "more than 4 MiB"
        message = f"{answer.url} answered {problem}"
        raise Inconclusive(message)
    return document
