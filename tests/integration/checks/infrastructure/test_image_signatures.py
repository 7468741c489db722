"""``container_image``: signatures in the forms in which cosign and Notary attach them.

Sources: sigstore/cosign specs/SIGNATURE_SPEC.md and BUNDLE_SPEC.md, notaryproject/specifications
signature-specification.md, and the referrers of opencontainers/distribution-spec.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import oci_registry
from servers.checking import check, context, raw, run
from servers.oci_registry import INDEX, MANIFEST, Pusher, sha256
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
OTHER = f"sha256:{'b' * 64}"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
NOTARY, COSIGN = "application/vnd.cncf.notary.signature", "application/vnd.dev.cosign.artifact.sig.v1+json"
NOTES = {"dev_sigstore_bundle_content": "dsse-envelope", "dev_sigstore_bundle_predicateType": SIGN}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the registry of this module keeps what was pushed."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def pusher(folder: Path) -> Iterator[Pusher]:
    """Start a registry of this module's own."""
    with oci_registry.serving(folder) as url:
        yield Pusher(url)


def asked(pusher: Pusher, image: str) -> CheckResult:
    ctx = context({"registry": ConnectionInfo("registry", "docker", pusher.url)})
    return run(check(ctx, "container_image", images=[image], tag="1", signed=True))


def plain(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def statement(digest: str, predicate: str = SIGN) -> bytes:
    """Build a bundle with an in-toto statement in a DSSE envelope."""
    subject = [{"name": "", "digest": {"sha256": digest.partition(":")[2]}}]
    told = {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": predicate}
    envelope = {
        "payload": plain(told),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "MEUC"}],
    }
    return json.dumps({"mediaType": BUNDLE, "dsseEnvelope": envelope}).encode()


def message(digest: str) -> bytes:
    """Build a bundle that signs the digest itself."""
    told = {
        "algorithm": "SHA2_256",
        "digest": base64.b64encode(bytes.fromhex(digest.partition(":")[2])).decode(),
    }
    return json.dumps(
        {"mediaType": BUNDLE, "messageSignature": {"messageDigest": told, "signature": "MEUC"}}
    ).encode()


def jws(digest: str) -> bytes:
    """Build the envelope of Notary in JWS, whose base64 is that of URLs and without padding."""
    told = {"targetArtifact": {"mediaType": MANIFEST, "digest": digest, "size": 1}}
    payload = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    return json.dumps({"payload": payload, "protected": "e30", "header": {}, "signature": "MEUC"}).encode()


def cose(digest: str) -> bytes:
    """Build what matters of a COSE_Sign1: the JSON of its payload as it is, between bytes of CBOR."""
    told = {"targetArtifact": {"digest": digest, "mediaType": MANIFEST, "size": 1}}
    return b"\xd2\x84\x58\x20\xa0\x58\x90" + json.dumps(told).encode() + b"\x58\x40\x00"


Build = tuple[str, str, "Callable[[str], bytes]", dict[str, str]]
FORMS: dict[str, Build] = {
    "bundle": (BUNDLE, BUNDLE, statement, NOTES),
    "bundle of a message": (BUNDLE, BUNDLE, message, {"dev_sigstore_bundle_content": "message-signature"}),
    "Notary, JWS": (NOTARY, "application/jose+json", jws, {}),
    "Notary, COSE": (NOTARY, "application/cose", cose, {}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_referrer_signs_the_digest_of_the_image(pusher: Pusher, form: str) -> None:
    """Attached is not signed: what the signature was made over must be this image."""
    kind, media_type, build, notes = FORMS[form]
    name = form.replace(" ", "-").replace(",", "").lower()
    digest = pusher.image(name, "1", of=form)
    for signs, verdict in ((OTHER, F), (digest, P)):
        one = pusher.referring(name, digest, kind, (media_type, build(signs)), **notes)
        pusher.referrers(name, digest, one)
        result = asked(pusher, name)
        (seen,) = result.observed.values()
        assert result.verdict is verdict, result.headline
        assert seen["signature"] == (
            "attached, not verified" if verdict is P else f"the signature was made over {seen_digest(form)}"
        )


def seen_digest(form: str) -> str:
    return "another digest" if "COSE" in form else OTHER


def test_cosigns_tag_signs_the_digest_of_the_image(pusher: Pusher) -> None:
    """The tag names the digest; the payload must too, and carry a signature."""
    digest = pusher.image("simple", "1", of="simple")
    cases = (
        (OTHER, "MEUC", F, OTHER),
        ("", "", F, "carries no signature"),
        ("", "MEUC", P, "attached, not verified"),
    )
    for signs, note, verdict, words in cases:
        pusher.signed("simple", digest, signs, note)
        result = asked(pusher, "simple")
        (seen,) = result.observed.values()
        assert (result.verdict, words in seen["signature"]) == (verdict, True), seen


def test_signature_of_which_the_payload_is_gone(pusher: Pusher, folder: Path) -> None:
    """A tag that leads to a manifest without its layer signs nothing."""
    digest = pusher.image("hollow", "1", of="hollow")
    payload = pusher.signed("hollow", digest).partition(":")[2]
    assert asked(pusher, "hollow").verdict is P
    (folder / f"docker/registry/v2/blobs/sha256/{payload[:2]}/{payload}/data").unlink()
    result = asked(pusher, "hollow")
    assert (result.verdict, "signed = false" in raw(result)) == (F, True)
    assert "content of the signature is not in the registry" in str(result.observed)


def test_image_under_the_tag_of_a_signature_signs_nothing(pusher: Pusher) -> None:
    """A name alone is no signature, whatever was pushed there."""
    digest = pusher.image("named", "1", of="named")
    pusher.image("named", f"{digest.replace(':', '-')}.sig")
    result = asked(pusher, "named")
    assert (result.verdict, "which is not read" in str(result.observed)) == (F, True), result.observed


def test_attestation_is_no_signature(pusher: Pusher) -> None:
    """A bundle of provenance says how an image was built; also if its annotation calls it a signature."""
    digest = pusher.image("attested", "1", of="attested")
    for notes in ({**NOTES, "dev_sigstore_bundle_predicateType": PROVENANCE}, NOTES):
        one = pusher.referring("attested", digest, BUNDLE, (BUNDLE, statement(digest, PROVENANCE)), **notes)
        pusher.referrers("attested", digest, one)
        assert asked(pusher, "attested").verdict is F


def test_signature_of_another_image_in_the_list(pusher: Pusher) -> None:
    """The list of referrers can be pushed by anybody; the manifest's own subject counts."""
    digest, other = pusher.image("mine", "1", of="mine"), pusher.image("mine", "2", of="other")
    one = pusher.referring("mine", other, NOTARY, ("application/jose+json", jws(digest)))
    pusher.referrers("mine", digest, one)
    result = asked(pusher, "mine")
    assert (result.verdict, f"attached to {other}" in str(result.observed)) == (F, True), result.observed


def test_signature_that_is_listed_and_gone(pusher: Pusher) -> None:
    """A list names a manifest that the registry does not have."""
    digest = pusher.image("listed", "1", of="listed")
    one = pusher.referring("listed", digest, NOTARY, ("application/jose+json", jws(digest)))
    gone = {**one, "digest": OTHER}
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [gone, one]}
    pusher.referrers("listed", digest, one)
    assert asked(pusher, "listed").verdict is P
    rows = run(of_api(document, digest))
    assert (rows.verdict, "manifest of the signature is not in the registry" in str(rows.observed)) == (
        F,
        True,
    )


async def of_api(listed: dict[str, Any], digest: str, **headers: str) -> CheckResult:
    """Ask a registry with the API of referrers, which has an image of its own and nothing else."""
    config = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha256(b"l"), "size": 1}
    described = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": sha256(config),
        "size": len(config),
    }
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [layer]}
    ).encode()
    rows = {
        "/v2/a/manifests/1": (MANIFEST, manifest),
        f"/v2/a/blobs/{sha256(config)}": ("x/y", config),
        f"/v2/a/blobs/{sha256(b'l')}": ("x/y", b"l"),
        f"/v2/a/referrers/{sha256(manifest)}": (INDEX, json.dumps(listed).encode()),
    }
    assert digest

    async def answer(request: web.Request) -> web.Response:
        if request.path not in rows:
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)
        kind, body = rows[request.path]
        more = headers if "/referrers/" in request.path else {}
        return web.Response(body=body, headers={"Content-Type": kind, **more})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app) as port:
        ctx = context({"registry": http_connection(port, "registry")})
        return await check(ctx, "container_image", images=["a"], tag="1", signed=True)


def test_referrers_with_a_further_page_prove_no_absence() -> None:
    """A list that goes on (Link, distribution-spec "Listing Referrers") may hold the signature there."""
    nothing = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    link = '</v2/a/referrers/sha256:x?n=1&last=y>; rel="next"'
    cut, whole = run(of_api(nothing, "x", Link=link)), run(of_api(nothing, "x"))
    assert (cut.verdict, "further referrers" in raw(cut)) == (Q, True), cut.headline
    assert (whole.verdict, "signed = false" in raw(whole)) == (F, True), whole.headline
