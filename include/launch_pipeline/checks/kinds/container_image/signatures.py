"""Looks for the signature of an image: that one is attached, and that it was made over this very digest.

Whose key made it is not verified: that needs the key, or the identity, and ``cosign verify``. Formats:
https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md (simple signing, tag ``sha256-....sig``),
https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md (bundles as referrers) and
https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launch_pipeline.checks.kinds.container_image.registry_api import (
    MANIFESTS,
    Manifest,
    Registry,
    mappings,
    parsed,
)

_SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIMPLE_NOTE = "dev.cosignproject.cosign/signature"
_NOTARY = "application/vnd.cncf.notary.signature"
_TYPES = (_NOTARY, "application/vnd.dev.cosign.artifact.sig.v1+json")
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_SIGNS = "https://sigstore.dev/cosign/sign/"
_JWS, _COSE = "application/jose+json", "application/cose"


@dataclass(frozen=True)
class Signature:
    """Whether a signature over the digest is attached; None if that could not be found out."""

    present: bool | None
    reason: str = ""
    """Why there is none, or why nothing is known."""


async def signature(registry: Registry, name: str, digest: str) -> Signature:
    """Look for a signature, by cosign's tag and among the referrers."""
    tagged = await registry.manifest(name, f"{digest.replace(':', '-')}.sig")
    reasons = [await _over(registry, name, digest, tagged)] if tagged else []
    listed, more = await registry.referrers(name, digest)
    reasons += [await _referrer(registry, name, digest, one) for one in listed if _is_signature(one)]
    if "" in reasons:
        return Signature(present=True)
    if more:
        return Signature(None, "the registry lists further referrers, which were not read")
    return Signature(present=False, reason=next(iter(reasons), "no signature is attached"))


def _is_signature(one: Mapping[str, Any]) -> bool:
    """Return whether a referrer is a signature, not a bill of materials or an attestation."""
    kind, notes = str(one.get("artifactType") or ""), one.get("annotations") or {}
    predicate = str(notes.get("dev.sigstore.bundle.predicateType") or "")
    signs = notes.get("dev.sigstore.bundle.content") == "message-signature" or predicate.startswith(_SIGNS)
    return kind in _TYPES or (kind.startswith(_BUNDLE) and signs)


async def _referrer(registry: Registry, name: str, digest: str, one: Mapping[str, Any]) -> str:
    if one.get("mediaType") not in MANIFESTS:
        return f"the signature is a '{one.get('mediaType')}', which is not read"
    manifest = await registry.manifest(name, str(one.get("digest")))
    if manifest is None:
        return "the manifest of the signature is not in the registry"
    subject = (manifest.document.get("subject") or {}).get("digest")
    if subject != digest:
        return f"the signature is attached to {subject}"
    return await _over(registry, name, digest, manifest)


async def _over(registry: Registry, name: str, digest: str, manifest: Manifest) -> str:
    """Return why none of the blobs of a signature's manifest signs the digest; empty if one does."""
    reason = "the signature has no content"
    for layer in mappings(manifest.document, "layers"):
        body = await registry.blob(name, str(layer.get("digest")))
        reason = (
            "the content of the signature is not in the registry"
            if body is None
            else _signs(body, layer, digest)
        )
        if not reason:
            return ""
    return reason


def _signs(body: bytes, layer: Mapping[str, Any], digest: str) -> str:
    kind, document = str(layer.get("mediaType")), parsed(body) or {}
    if kind == _SIMPLE:
        if not (layer.get("annotations") or {}).get(_SIMPLE_NOTE):
            return "the payload carries no signature"
        found = _at(document, "critical", "image").get("docker-manifest-digest")
    elif kind == _JWS:
        found = _at(_decoded(document.get("payload")), "targetArtifact").get("digest")
    elif kind == _COSE:
        # The payload is JSON within CBOR, as it is.
        found = digest if digest.encode() in body else "another digest"
    elif kind.startswith(_BUNDLE):
        return _bundle(document, digest)
    else:
        return f"the signature is a '{kind}', which is not read"
    return "" if found == digest else f"the signature was made over {found}"


def _bundle(document: Mapping[str, Any], digest: str) -> str:
    statement = _decoded(_at(document, "dsseEnvelope").get("payload"))
    if statement:
        named = [f"sha256:{_at(one, 'digest').get('sha256')}" for one in mappings(statement, "subject")]
        if not str(statement.get("predicateType")).startswith(_SIGNS):
            return "the bundle holds an attestation, no signature"
    else:
        message = _at(document, "messageSignature", "messageDigest").get("digest")
        named = [f"sha256:{_bytes(message).hex()}"] if message else []
    return "" if digest in named else f"the signature was made over {', '.join(named) or 'nothing'}"


def _at(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _decoded(text: Any) -> dict[str, Any]:
    return parsed(_bytes(text)) or {}


def _bytes(text: Any) -> bytes:
    """Decode base64 of either alphabet, with or without its padding."""
    plain = str(text or "").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return b""
