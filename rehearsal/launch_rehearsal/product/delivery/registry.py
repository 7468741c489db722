"""Serve the read side of an OCI registry with the signed images of two releases; broken, it is empty.

Tests of the check itself use the real docker-registry instead.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.plan import SERVICES, Part, job
from launch_rehearsal.tampering.documents import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.tampering.breaks import Break

IMAGE = "image "
"""How the place of an image begins."""
_PARTS = ("manifest", "signature", "layers")
"""What can be removed of an image."""
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
_REVISION = "org.opencontainers.image.revision"


class Registry:
    """Hold images by name and tag as they were pushed, and blobs by digest."""

    def __init__(self, plan: ProductPlan, health: Health, commits: dict[str, str]) -> None:
        self._token = f"Bearer {plan.tokens['service']}"
        self._health = health
        self._manifests: dict[tuple[str, str], bytes] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._pushed: dict[tuple[str, str], dict[str, Any]] = {}
        for release, commit in commits.items():
            self.push(release, commit)

    def push(self, release: str, commit: str) -> None:
        """Push the images of a release, built from a commit; its tags then name these."""
        for part in SERVICES:
            self._push(f"azora/{job(part)}", release, _described(release, commit))

    def digests(self, release: str) -> dict[str, str]:
        """Return the digest of each image of a release, by the image's name."""
        return {name: _digest(found) for (name, tag), found in self._manifests.items() if tag == release}

    @property
    def images(self) -> dict[str, dict[str, Any]]:
        """Return how each image describes itself, by name and tag."""
        return {f"{IMAGE}{name}:{tag}": described for (name, tag), described in self._pushed.items()}

    @contextmanager
    def altered(self, changes: Sequence[Break]) -> Iterator[None]:
        """Push images again with another description, or without a part, while the block runs."""
        kept = dict(self._manifests), dict(self._blobs), dict(self._pushed)
        try:
            for change in changes:
                name, _, tag = change.where.removeprefix(IMAGE).rpartition(":")
                if change.at in _PARTS:
                    self._remove(name, tag, change.at)
                else:
                    told = json.dumps(self._pushed[name, tag]).encode()
                    self._push(name, tag, json.loads(Document(told).altered(change)))
            yield
        finally:
            self._manifests, self._blobs, self._pushed = kept

    def _remove(self, name: str, tag: str, part: str) -> None:
        manifest = json.loads(self._manifests[name, tag])
        digest = _digest(self._manifests[name, tag])
        if part == "manifest":
            del self._manifests[name, tag]
        elif part == "signature":
            del self._manifests[name, f"{digest.replace(':', '-')}.sig"]
        else:
            del self._blobs[name, manifest["layers"][0]["digest"]]

    def _push(self, name: str, release: str, described: dict[str, Any]) -> None:
        self._pushed[name, release] = described
        layers = [self._layer(name, f"{name} {release}".encode(), _LAYER)]
        rootfs = {"type": "layers", "diff_ids": [layers[0]["digest"]]}
        digest = self._image(name, release, {**described, "rootfs": rootfs}, layers)
        critical = {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        }
        signature = self._layer(
            name, json.dumps({"critical": critical, "optional": None}).encode(), _SIGNATURE
        )
        signature["annotations"] = {"dev.cosignproject.cosign/signature": "MEUCIQDXmXWj59naoPFlLnCADIPL"}
        self._image(name, f"{digest.replace(':', '-')}.sig", {"architecture": "", "os": ""}, [signature])

    def _layer(self, name: str, content: bytes, kind: str) -> dict[str, Any]:
        digest = _digest(content)
        self._blobs[name, digest] = content
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def _image(self, name: str, tag: str, described: dict[str, Any], layers: list[dict[str, Any]]) -> str:
        config = self._layer(name, json.dumps(described).encode(), _CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        content = json.dumps(manifest).encode()
        digest = _digest(content)
        self._manifests[name, tag] = self._manifests[name, digest] = content
        return digest

    def app(self) -> web.Application:
        """Build the application; requests without the token are challenged for it."""

        @web.middleware
        async def known(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.headers.get("Authorization") != self._token:
                refusal = _errors(401, "UNAUTHORIZED")
                refusal.headers["WWW-Authenticate"] = 'Basic realm="registry"'
                return refusal
            answer: web.StreamResponse = await handler(request)
            return answer

        app = web.Application(middlewares=[known])
        name = "/v2/{name:[a-z0-9/-]+}"
        app.add_routes(
            [
                web.get(f"{name}/manifests/{{reference}}", self._manifest),
                web.get(f"{name}/blobs/{{digest}}", self._blob),
                web.get(f"{name}/referrers/{{digest}}", _no_referrers),
            ]
        )
        return app

    async def _manifest(self, request: web.Request) -> web.Response:
        found = self._manifests.get((request.match_info["name"], request.match_info["reference"]))
        if found is None or not self._health.works(Part.REGISTRY):
            return _errors(404, "MANIFEST_UNKNOWN")
        headers = {"Docker-Content-Digest": _digest(found)}
        return web.Response(body=found, content_type=_MANIFEST, headers=headers)

    async def _blob(self, request: web.Request) -> web.Response:
        found = self._blobs.get((request.match_info["name"], request.match_info["digest"]))
        if found is None or not self._health.works(Part.REGISTRY):
            return _errors(404, "BLOB_UNKNOWN")
        return web.Response(body=found, content_type="application/octet-stream")


def _described(release: str, commit: str) -> dict[str, Any]:
    labels = {_REVISION: commit, "org.opencontainers.image.version": release}
    return {"architecture": "amd64", "os": "linux", "config": {"Labels": labels}}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _errors(status: int, code: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": code.lower()}]}, status=status)


async def _no_referrers(_request: web.Request) -> web.Response:
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    return web.json_response(index)
