"""``container_image`` against Debian's docker-registry, and stand-ins for what it does not do."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trustme
from aiohttp import web

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.vendors.registry_tokens import TokenServer
from servers import kubernetes_api, oci_registry
from servers.checking import check, context, raw, run
from servers.kubernetes_api import KubernetesApi
from servers.oci_registry import DOCKER_MANIFEST, INDEX, MANIFEST, Pusher, sha256
from servers.odd import Odd
from servers.programs import free_ports
from servers.shipped import shipped
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.model import CheckSpec

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = shipped("container_image")
CONFIG = "application/vnd.oci.image.config.v1+json"
REVISION = "org.opencontainers.image.revision"
COMMIT, PASSWORD = "a" * 40, "planted-registry-password"
SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Where the registries of this module keep what was pushed."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(storage: Any) -> Iterator[str]:
    """Start an open registry with images of every type."""
    with oci_registry.serving(storage) as url:
        pusher = Pusher(url)
        for service in SERVICES:
            for tag in ("1.0.0", "0.9.4"):
                digest = pusher.image(f"azora/{service}", tag, **{REVISION: COMMIT})
                pusher.signed(f"azora/{service}", digest)
        amd = pusher.image("multi", "amd", **{REVISION: COMMIT})
        arm = pusher.image("multi", "arm", "linux/arm64/v8", **{REVISION: "b" * 40})
        pusher.index("multi", "1.0.0", {"linux/amd64": amd, "linux/arm64/v8": arm})
        pusher.image("docker", "1.0.0", form=DOCKER_MANIFEST)
        pusher.image("unsigned", "1.0.0")
        bill = pusher.image("unsigned", "bill")
        described = {
            "mediaType": MANIFEST,
            "digest": bill,
            "size": 1,
            "artifactType": "application/spdx+json",
        }
        digest = pusher.image("unsigned", "1.0.0")
        pusher.manifest(
            "unsigned",
            digest.replace(":", "-"),
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]},
        )
        yield url


def target(url: str, **fields: Any) -> ConnectionInfo:
    return ConnectionInfo("registry", "docker", url, **fields)


def asked(url: str, images: list[str], fields: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    ctx = context({"registry": target(url, **(fields or {}))}, variables={"release": "1.0.0"})
    result = run(check(ctx, "container_image", images=images, **params))
    assert PASSWORD not in result.model_dump_json()
    return result


@pytest.mark.parametrize("spec", SHIPPED.values(), ids=SHIPPED.keys())
def test_shipped_checks_pass_on_a_good_registry(registry: str, spec: CheckSpec) -> None:
    """What the checklists ask of images is there to be read."""
    variables = {
        "release": "1.0.0",
        "previous_release": "0.9.4",
        "release_sha": COMMIT,
        "namespace": "azora",
    }

    async def ask() -> CheckResult:
        async with serving(_pods(registry, spec).app) as port:
            known = {"registry": target(registry), "kubernetes": kubernetes_api.connection(port)}
            (result,) = await run_checks([spec], context(known, variables=variables))
            return result

    result = run(ask())
    assert result.verdict is P, result.headline


def _pods(registry: str, spec: CheckSpec) -> KubernetesApi:
    """Run a pod of each image of a check, as the registry has it."""
    api = KubernetesApi()
    tag = str(spec.params.get("tag", "1.0.0")).replace("${previous_release}", "0.9.4")
    for number, image in enumerate(spec.params["images"]):
        found = requests.get(
            f"{registry}/v2/{image}/manifests/{tag}", headers={"Accept": MANIFEST}, timeout=10
        )
        runs = {"name": "c", "imageID": f"registry.test/{image}@{sha256(found.content)}"}
        status = {"phase": "Running", "containerStatuses": [{**runs, "state": {"running": {}}}]}
        containers = [{"name": "c", "image": f"registry.test/{image}:{tag}"}]
        api.add("v1", "Pod", f"p{number}", spec={"containers": containers}, status=status)
    return api


IMAGES: dict[str, tuple[str, dict[str, Any], Verdict, str]] = {
    "there": ("azora/api-gateway", {}, P, "digest = sha256:"),
    "of Docker's own form": ("docker", {}, P, "digest = sha256:"),
    "no such tag": ("azora/api-gateway", {"tag": "9.9.9"}, F, "digest is missing"),
    "no such repository": ("nothing", {}, F, "digest is missing"),
    "another platform": ("azora/api-gateway", {"platforms": ["linux/arm64"]}, F, "lacks linux/arm64"),
    "any platform": ("azora/api-gateway", {"platforms": []}, P, "digest"),
    "an index": ("multi", {"platforms": ["linux/amd64", "linux/arm64"]}, P, "digest"),
    "an index, by variant": ("multi", {"platforms": ["linux/arm64/v8"]}, P, "digest"),
    "an attestation is no platform": ("multi", {"platforms": ["unknown/unknown"]}, F, "lacks unknown/unknown"),
    "label": ("azora/api-gateway", {"labels": {REVISION: f"== {COMMIT}"}}, P, "digest"),
    "another label": ("azora/api-gateway", {"labels": {REVISION: "== b"}}, F, "want == b"),
    "no label": ("docker", {"labels": {REVISION: "== b"}}, F, "missing"),
    "label of the wanted platform": ("multi", {"labels": {REVISION: f"== {COMMIT}"}}, P, "digest"),
    "label of every wanted platform": (
        "multi", {"platforms": ["linux/amd64", "linux/arm64"], "labels": {REVISION: f"== {COMMIT}"}}, F, " | bbbb"),
    "signed by cosign": ("azora/api-gateway", {"signed": True, "platforms": []}, P, "signed = true"),
    "a bill of materials is no signature": ("unsigned", {"signed": True}, F, "signed = false"),
    "a field": ("docker", {"expect": {"media_type": f"== {DOCKER_MANIFEST}", "created": "age >= 1h"}}, P, "digest"),
    "of another registry": ("ghcr.example/azora/x", {}, Q, "is not in the registry"),
}  # fmt: skip


@pytest.mark.parametrize(("image", "params", "verdict", "headline"), IMAGES.values(), ids=IMAGES.keys())
def test_image(registry: str, image: str, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """An image is there for every platform, labelled and signed as asked, or the check says what is not."""
    result = asked(registry, [image], **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_name_with_the_registry_in_front(registry: str) -> None:
    """An image may be written as people pull it; a digest may stand for the tag."""
    written = f"{registry.removeprefix('http://')}/docker"
    digest = asked(registry, [written]).observed[f"{written}:1.0.0"]["digest"]
    assert asked(registry, ["docker"], tag=digest).verdict is P


def test_token_is_fetched_as_the_registry_says(storage: Any, registry: str, tmp_path: Any) -> None:
    """A 401 of a real registry names the realm; its token opens this repository, and nothing shows it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    port = free_ports(1)[0]
    auth = {"token": {"realm": f"http://127.0.0.1:{port}/token", "service": "registry.test", "issuer": "launch-test",
                      "rootcertbundle": str(tmp_path / "roots.pem")}}  # fmt: skip
    leaf = authority.issue_cert("tokens.example")
    key, certificate = leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()
    tokens = TokenServer(key, certificate, "launch", PASSWORD)

    async def ask(password: str) -> CheckResult:
        runner = web.AppRunner(tokens.app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            ctx = context({"registry": target(guarded, login="launch", password=password)})
            return await check(ctx, "container_image", images=["docker", "multi"], tag="1.0.0")
        finally:
            await runner.cleanup()

    assert registry
    with oci_registry.serving(storage, auth) as guarded:
        good, bad = run(ask(PASSWORD)), run(ask("wrong-planted"))
    assert (good.verdict, bad.verdict) == (P, Q), (good.headline, bad.headline)
    assert sorted(set(tokens.scopes)) == ["repository:docker:pull", "repository:multi:pull"]
    assert bad.headline.startswith("credentials: ")
    assert not any(
        word in good.model_dump_json() + bad.model_dump_json() for word in (PASSWORD, "wrong-planted", "eyJ")
    )


def plain_image() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Serve an image like a registry without ``Docker-Content-Digest``."""
    config = json.dumps({"os": "linux", "architecture": "amd64", "config": {}}).encode()
    blobs = {"config": (CONFIG, config), "layer": ("application/vnd.oci.image.layer.v1.tar", b"layer")}
    told = {
        name: {"mediaType": kind, "digest": sha256(body), "size": len(body)}
        for name, (kind, body) in blobs.items()
    }
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": told["config"],
        "layers": [told["layer"]],
    }
    plain = {"Content-Type": "application/octet-stream"}
    return {
        "/v2/a/manifests/1.0.0": (json.dumps(document).encode(), {"Content-Type": MANIFEST}),
        **{f"/v2/a/blobs/{sha256(body)}": (body, plain) for _, body in blobs.values()},
    }


async def of_stand_in(documents: dict[str, tuple[bytes, dict[str, str]]], **fields: Any) -> CheckResult:
    async def answer(request: web.Request) -> web.Response:
        body, headers = documents.get(request.path, (b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', {}))
        return web.Response(status=200 if headers else 404, body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app) as port:
        given = {"images": ["a"], "tag": "1.0.0", **fields}
        return await check(
            context({"registry": http_connection(port, "registry")}), "container_image", **given
        )


def test_digest_is_that_of_the_bytes() -> None:
    """The header is optional by the specification, so the bytes are hashed."""
    documents = plain_image()
    wanted = sha256(documents["/v2/a/manifests/1.0.0"][0])
    result = run(of_stand_in(documents, expect={"digest": f"== {wanted}"}))
    assert result.verdict is P, result.headline


def test_bytes_that_contradict_their_digest_are_inconclusive() -> None:
    """Who changes bytes on the way proves nothing: neither manifest nor configuration is believed."""
    manifest, config = plain_image(), plain_image()
    name, (body, headers) = next(iter(manifest.items()))
    manifest[name] = (body, {**headers, "Docker-Content-Digest": sha256(b"other")})
    blob = next(key for key in config if "blobs" in key)
    config[blob] = (b'{"os": "linux", "architecture": "arm64"}', config[blob][1])
    for documents in (manifest, config):
        result = run(of_stand_in(documents))
        assert (result.verdict, "not match" in raw(result)) == (Q, True), result.headline


def test_storage_behind_the_registry_gets_no_credentials() -> None:
    """Blobs are often elsewhere; the redirect is followed and the secret stays with the registry."""
    documents = plain_image()
    seen: list[str | None] = []

    async def stored(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(body=documents[request.path][0])

    async def ask() -> CheckResult:
        storage = web.Application()
        storage.router.add_get("/{path:.*}", stored)
        async with serving(storage) as behind:

            async def answer(request: web.Request) -> web.Response:
                if request.headers.get("Authorization") is None:
                    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
                if "/blobs/" in request.path:
                    raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{behind}{request.path}")
                body, headers = documents[request.path]
                return web.Response(body=body, headers=headers)

            app = web.Application()
            app.router.add_get("/{path:.*}", answer)
            async with serving(app) as port:
                connection = http_connection(port, "registry", login="launch", password=PASSWORD)
                return await check(
                    context({"registry": connection}), "container_image", images=["a"], tag="1.0.0"
                )

    assert run(ask()).verdict is P
    assert set(seen) == {None}


def refusing(challenge: str) -> Odd:
    return Odd(401, b'{"errors": []}', headers={"WWW-Authenticate": challenge})


ODD: dict[str, tuple[Odd, str, int]] = {
    "401 without credentials": (refusing('Basic realm="x"'), "credentials", 1),
    "a realm elsewhere": (refusing('Bearer realm="http://thief.example/token",service="x"'), "neither https nor the registry", 1),
    "403": (Odd(403, b'{"errors": []}'), "credentials", 1),
    "429 is waited for": (Odd(429, b"{}", headers={"Retry-After": "1"}), "is busy", 3),
    "429": (Odd(429, b"{}"), "answered 429", 1),
    "503": (Odd(503, b"{}"), "answered 503", 3),
    "slow": (Odd(slow=True), "no answer within", 3),
    "huge": (Odd(huge=True, content_type=MANIFEST), "more than 4 MiB", 1),
    "wrong content type": (Odd(200, b"{}", "text/html"), "not a manifest", 1),
    "truncated JSON": (Odd(200, b'{"schemaVersion":', MANIFEST), "not a JSON object", 1),
    "404 of another server": (Odd(404, b"<html/>", "text/html"), "not how a registry answers", 1),
    "redirects without end": (Odd(307, headers={"Location": "/again"}), "redirects too often", 1),
}  # fmt: skip


@pytest.mark.parametrize(("odd", "headline", "attempts"), ODD.values(), ids=ODD.keys())
def test_odd_answers_are_inconclusive(odd: Odd, headline: str, attempts: int) -> None:
    """Whatever goes wrong on the way is no verdict on the image."""

    async def ask() -> CheckResult:
        async with serving(odd.app()) as port:
            ctx = context({"registry": http_connection(port, "registry")})
            return await check(ctx, "container_image", images=["a"], tag="1", timeout="2s")

    result = run(ask())
    assert (result.verdict, headline in raw(result), result.attempts) == (Q, True, attempts), result.headline


def test_nobody_there_is_inconclusive() -> None:
    """A refused connection is asked three times; a connection without a host not at all."""
    nobody, nowhere = asked("http://127.0.0.1:1", ["a"]), asked("", ["a"])
    assert (nobody.verdict, nobody.attempts, nowhere.verdict) == (Q, 3, Q)
    assert "has no host" in raw(nowhere)
