"""Reads manifests and blobs from an OCI registry, with the token flow of ``WWW-Authenticate``."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
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
_ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))
_MOST_BYTES = 4 * 1024 * 1024
_MOST_HOPS = 3
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_REDIRECTS = {301, 302, 303, 307, 308}
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
        media_type = str(document.get("mediaType") or answer.headers.get("content-type", "")).partition(";")[
            0
        ]
        if media_type not in INDEXES | MANIFESTS:
            message = f"{answer.url} answers {name}:{reference} as '{media_type[:80]}', not a manifest"
            raise Inconclusive(message)
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        claims = {reference, answer.headers.get("docker-content-digest", "")}
        if any(claim.startswith("sha256:") and claim != digest for claim in claims):
            message = f"{answer.url} returns bytes for {name}:{reference} that do not match the digest"
            raise Inconclusive(message)
        return Manifest(digest, media_type, document)

    async def blob(self, name: str, digest: str) -> dict[str, Any]:
        """Read a small JSON blob, such as the configuration of an image."""
        answer = await self.get(name, f"blobs/{digest}", "*/*")
        if answer is None:
            message = f"{authority(self.base)} lacks the blob {digest} of {name} that the manifest names"
            raise Inconclusive(message)
        if digest.startswith("sha256:") and f"sha256:{hashlib.sha256(answer.body).hexdigest()}" != digest:
            message = f"{authority(self.base)} returns bytes that do not match {digest}"
            raise Inconclusive(message)
        return _object(answer)

    async def referrers(self, name: str, digest: str) -> list[dict[str, Any]]:
        """List the referrers of a manifest, by the API or its fallback tag."""
        found = None
        answer = await self.get(name, f"referrers/{digest}", ", ".join(INDEXES), any_404=True)
        if answer is not None:
            found = _object(answer)
        else:
            fallback = await self.manifest(name, digest.replace(":", "-"))
            found = fallback.document if fallback else {}
        listed = found.get("manifests")
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    async def get(self, name: str, what: str, accept: str, *, any_404: bool = False) -> Answer | None:
        """Read from a repository; None if the registry says that it does not exist."""
        url = self.base / "v2" / name / what
        proof = self.tokens.get(name, {})
        answer = await self._send(url, accept, proof)
        if answer.status == _UNAUTHORIZED:
            self.tokens[name] = await self._proof(name, answer)
            answer = await self._send(url, accept, self.tokens[name])
        return self._judged(answer, f"{name} {what}", any_404=any_404)

    async def _send(self, url: URL, accept: str, proof: Mapping[str, str]) -> Answer:
        """Send a request; redirects to storage on other hosts get no credentials."""
        for _ in range(_MOST_HOPS):
            request = Request(url=url, headers={"Accept": accept}, credentials=dict(proof))
            answer = await send(self.ctx, self.connection, request, most=_MOST_BYTES)
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


def _object(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body) if answer.complete else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        problem = "something that is not a JSON object" if answer.complete else "more than 4 MiB"
        message = f"{answer.url} answered {problem}"
        raise Inconclusive(message)
    return document
