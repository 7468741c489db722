"""``container_image``: what an image consists of, on Debian's docker-registry with files taken away.

A registry answers for a manifest whose blobs are gone, and for a blob of no bytes
(https://github.com/distribution/distribution/issues/2270, https://github.com/distribution/distribution/issues/3800).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from aiohttp import web

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import oci_registry
from servers.checking import check, context, raw, run
from servers.oci_registry import INDEX, MANIFEST, Pusher, sha256
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
AMD, ARM = "linux/amd64", "linux/arm64"


class Store(Pusher):
    """A registry whose storage can be damaged."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url)
        self.folder = folder

    def built(self, name: str, tag: str, platform: str = AMD, **parts: Any) -> dict[str, Any]:
        """Push an image of its own bytes; gives its manifest and, under ``digest``, its digest."""
        system, architecture = platform.split("/")
        layers = parts.pop("layers", [f"layer of {name} {tag}"])
        pushed = [{**self.blob(name, one.encode()), "mediaType": LAYER} for one in layers]
        rootfs = {"type": "layers", "diff_ids": [one["digest"] for one in pushed]}
        described = {"os": system, "architecture": architecture, "rootfs": rootfs, **parts.pop("config", {})}
        config = {**self.blob(name, json.dumps(described).encode()), "mediaType": CONFIG}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": pushed, **parts}
        return {**document, "digest": self.manifest(name, tag, document)}

    def listed(self, name: str, tag: str, *members: tuple[str, str], **more: Any) -> str:
        """Push an index of digests and platforms; an empty platform is not named."""
        found = []
        for digest, platform in members:
            system, _, architecture = platform.partition("/")
            named = {"platform": {"os": system, "architecture": architecture}} if platform else {}
            found.append({"mediaType": MANIFEST, "digest": digest, "size": 1, **named, **more})
        return self.manifest(name, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": found})

    def damage(self, digest: str, content: bytes | None = None) -> None:
        """Take a blob away, or give it other bytes."""
        plain = digest.partition(":")[2]
        path = self.folder / f"docker/registry/v2/blobs/sha256/{plain[:2]}/{plain}/data"
        path.unlink()
        if content is not None:
            path.write_bytes(content)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Start a registry of this module's own."""
    folder = tmp_path_factory.mktemp("registry")
    with oci_registry.serving(folder) as url:
        yield Store(url, folder)


def asked(store: Store, image: str, **params: Any) -> CheckResult:
    ctx = context({"registry": ConnectionInfo("registry", "docker", store.url)})
    return run(check(ctx, "container_image", images=[image], **{"tag": "1", **params}))


def damaged(store: Store, name: str, what: str, content: bytes | None) -> CheckResult:
    """Build an image, damage one of its blobs, and ask for it."""
    made = store.built(name, "1")
    parts = {"layer": made["layers"][0]["digest"], "configuration": made["config"]["digest"]}
    assert asked(store, name).verdict is P
    store.damage(parts[what], content)
    return asked(store, name)


@pytest.mark.parametrize("what", ["layer", "configuration"])
def test_image_without_one_of_its_blobs_cannot_be_pulled(store: Store, what: str) -> None:
    """The manifest is there, and names what is not."""
    result = damaged(store, f"gone-{what}", what, None)
    assert (result.verdict, f"the {what} sha256:" in raw(result)) == (F, True), result.headline
    (found,) = result.observed.values()
    assert "is not in the registry" in found["problems"][0]


def test_layer_of_another_size_cannot_be_pulled(store: Store) -> None:
    """The registry answers 200 for a blob of which storage lost the bytes; the size tells."""
    result = damaged(store, "short", "layer", b"")
    (found,) = result.observed.values()
    assert (result.verdict, "has 0 bytes instead of 16" in found["problems"][0]) == (F, True), found


def test_every_platform_of_an_index_is_looked_at(store: Store) -> None:
    """One that lacks a layer is no platform of it, and the image is not whole, whichever was asked for."""
    amd, arm = store.built("multi", "a"), store.built("multi", "b", ARM)
    store.listed("multi", "1", (amd["digest"], AMD), (arm["digest"], ARM))
    assert asked(store, "multi", platforms=[AMD, ARM]).verdict is P
    store.damage(arm["layers"][0]["digest"])
    for platforms in ([AMD], [ARM], []):
        result = asked(store, "multi", platforms=platforms)
        (found,) = result.observed.values()
        assert (result.verdict, found["platforms"]) == (F, [AMD]), platforms
        assert found["problems"][0].startswith(f"{ARM}: the layer sha256:")
    assert asked(store, "multi", expect={"length(problems)": "== 1"}).verdict is F
    assert asked(store, "multi", expect={"problems": "!= null"}).verdict is P


def test_platform_of_which_the_manifest_is_gone_is_a_problem(store: Store) -> None:
    """A mirror that copied the index only has no image; the item may say that it wants just one."""
    amd = store.built("sparse", "a")
    store.listed("sparse", "1", (amd["digest"], AMD), (amd["digest"], AMD))
    assert asked(store, "sparse").verdict is P
    store.damage(amd["digest"])
    result = asked(store, "sparse")
    assert (result.verdict, "the manifest of linux/amd64 is not in the registry" in raw(result)) == (
        F,
        True,
    )


def test_platform_that_the_index_does_not_name_is_in_the_configuration(store: Store) -> None:
    """The platform of a descriptor is optional (image-index.md); the image knows what it was built for."""
    store.listed("unnamed", "1", (store.built("unnamed", "a", ARM)["digest"], ""))
    assert asked(store, "unnamed", platforms=[ARM]).verdict is P
    assert asked(store, "unnamed", platforms=[AMD]).verdict is F


def test_index_that_names_another_platform_than_the_image_has(store: Store) -> None:
    """A node of the named platform would pull what it cannot run."""
    store.listed("liar", "1", (store.built("liar", "a", ARM)["digest"], AMD))
    result = asked(store, "liar")
    assert (result.verdict, "the index says amd64, the image is built for arm64" in raw(result)) == (
        F,
        True,
    )


def test_index_of_attestations_names_no_platform(store: Store) -> None:
    """What BuildKit attests is no image, though its descriptor stands among images."""
    made = store.built("notes", "a")["digest"]
    store.listed("notes", "1", (made, "unknown/unknown"))
    store.listed("notes", "2", (made, AMD), annotations={"vnd.docker.reference.type": "attestation-manifest"})
    for tag in ("1", "2"):
        result = asked(store, "notes", tag=tag, platforms=[])
        assert (result.verdict, "the index names no platform" in raw(result)) == (F, True), result.headline


CHART = "application/vnd.cncf.helm.config.v1+json"
ODD_IMAGES: dict[str, tuple[dict[str, Any], str]] = {
    "no layers": ({"layers": []}, "it has no layers"),
    "other layers": (
        {"config": {"rootfs": {"type": "layers", "diff_ids": []}}}, "1 layers, its configuration names 0"),
    "no platform": ({"config": {"os": "", "architecture": ""}}, "names no platform"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD_IMAGES, ids=ODD_IMAGES.keys())
def test_image_that_nothing_can_run(store: Store, case: str) -> None:
    """A document in the form of an image is not yet one."""
    name, (parts, problem) = case.replace(" ", "-"), ODD_IMAGES[case]
    store.built(name, "1", **parts)
    result = asked(store, name, platforms=[])
    assert (result.verdict, problem in raw(result)) == (F, True), result.headline


def test_artifact_under_the_name_of_an_image(store: Store) -> None:
    """A Helm chart, pushed to the image's repository and tag, is a manifest as well."""
    made = store.built("chart", "a")
    config = {**made["config"], "mediaType": CHART}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": made["layers"]}
    store.manifest("chart", "1", document)
    result = asked(store, "chart", platforms=[])
    assert (result.verdict, f"it is no image, but '{CHART}'" in raw(result)) == (F, True), result.headline


async def standing_in(documents: dict[str, tuple[int, str, bytes]], **params: Any) -> CheckResult:
    """Ask a registry that answers each path in its own way; HEAD as GET unless it has a row."""

    async def answer(request: web.Request) -> web.Response:
        rows = (documents.get(f"{request.method} {request.path}"), documents.get(request.path))
        status, kind, body = next((row for row in rows if row), (404, "application/json", b'{"errors": []}'))
        return web.Response(status=status, body=body, headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serving(app) as port:
        ctx = context({"registry": http_connection(port, "registry")})
        return await check(ctx, "container_image", images=["a"], tag="1", **params)


def small(*layers: tuple[str, bytes], here: bool = True, **more: Any) -> dict[str, tuple[int, str, bytes]]:
    """Build the rows of a small image; ``here`` says whether its layers are in the registry."""
    config = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
    told = [{"mediaType": kind, "digest": sha256(body), "size": len(body)} for kind, body in layers]
    described = {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": told, **more}
    rows = {f"/v2/a/blobs/{sha256(body)}": (200, "x/y", body) for _, body in layers if here}
    rows[f"/v2/a/blobs/{sha256(config)}"] = (200, "x/y", config)
    return {"/v2/a/manifests/1": (200, MANIFEST, json.dumps(document).encode()), **rows}


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_registry_that_refuses_head_is_asked_with_get(status: int) -> None:
    """Storage whose signed URL is of GET answers HEAD with 403; that says nothing about the blob."""
    rows = small((LAYER, b"layer"))
    rows |= {f"HEAD {path}": (status, "text/html", b"") for path in list(rows) if "/blobs/" in path}
    result = run(standing_in(rows))
    assert result.verdict is P, result.headline


@pytest.mark.parametrize("status", [401, 403, 500])
def test_layer_that_may_not_be_seen_is_inconclusive(status: int) -> None:
    """A refusal is no proof that the layer is gone, nor that it is there."""
    rows = small((LAYER, b"layer"))
    rows |= {path: (status, "text/html", b"") for path in rows if sha256(b"layer") in path}
    assert run(standing_in(rows)).verdict is Q


def test_layer_that_is_kept_elsewhere_is_inconclusive() -> None:
    """A foreign layer is pulled from its vendor (manifest.md, "nondistributable"), where nothing looked."""
    result = run(standing_in(small((FOREIGN, b"windows"), here=False)))
    assert (result.verdict, "kept elsewhere" in raw(result)) == (Q, True), result.headline
    assert run(standing_in(small((FOREIGN, b"windows")))).verdict is P


ODD_MANIFESTS: dict[str, tuple[dict[str, Any], str]] = {
    "schema 1": ({"schemaVersion": 1, "fsLayers": []}, "of schema 1"),
    "an index and an image at once": ({"manifests": []}, "at once"),
    "an index by its own word": ({"mediaType": INDEX}, "at once"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "reason"), ODD_MANIFESTS.values(), ids=ODD_MANIFESTS.keys())
def test_manifest_that_can_be_read_in_two_ways_is_inconclusive(more: dict[str, Any], reason: str) -> None:
    """Another client would pull something else (CVE-2021-41190)."""
    result = run(standing_in(small((LAYER, b"layer"), **more)))
    assert (result.verdict, reason in raw(result)) == (Q, True), result.headline


def test_index_within_an_index_is_inconclusive() -> None:
    """What is not looked into proves nothing."""
    inner = [{"mediaType": INDEX, "digest": sha256(b"x"), "size": 1}]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": inner}
    rows = {"/v2/a/manifests/1": (200, INDEX, json.dumps(document).encode())}
    for platforms in ([], [AMD]):
        result = run(standing_in(rows, platforms=platforms))
        assert (result.verdict, "not looked into" in raw(result)) == (Q, True), result.headline


def test_redirect_to_storage_that_lost_the_layer() -> None:
    """Storage answers 404 in its own words; the registry only says where to look."""

    async def ask(kept: bool) -> CheckResult:
        rows = small((LAYER, b"layer"))

        async def stored(request: web.Request) -> web.Response:
            status, _, body = (
                rows[request.path] if kept else (404, "", b"<Error><Code>NoSuchKey</Code></Error>")
            )
            return web.Response(status=status, body=body, content_type="application/xml")

        async def answer(request: web.Request) -> web.Response:
            if sha256(b"layer") in request.path:
                raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{behind}{request.path}")
            status, kind, body = rows[request.path]
            return web.Response(status=status, body=body, headers={"Content-Type": kind})

        storage, app = web.Application(), web.Application()
        storage.router.add_route("*", "/{path:.*}", stored)
        app.router.add_route("*", "/{path:.*}", answer)
        async with serving(storage) as behind, serving(app) as port:
            ctx = context({"registry": http_connection(port, "registry")})
            return await check(ctx, "container_image", images=["a"], tag="1")

    there, lost = run(ask(True)), run(ask(False))
    assert (there.verdict, lost.verdict) == (P, F), (there.headline, lost.headline)
    assert "is not in the registry" in str(lost.observed)


def test_real_registry_answers_head(store: Store) -> None:
    """The stand-ins answer as the real one does: HEAD gives the size, and 404 has no body."""
    made = store.built("real", "1")
    url = f"{store.url}/v2/real/blobs"
    there = requests.head(f"{url}/{made['layers'][0]['digest']}", timeout=10)
    gone = requests.head(f"{url}/{sha256(b'gone')}", timeout=10)
    assert (there.status_code, there.headers["Content-Length"]) == (200, "15")
    assert (gone.status_code, gone.content) == (404, b"")


def test_artifact_beside_the_images_of_an_index_is_no_platform(store: Store) -> None:
    """A bill of materials without a platform is not run, so it is no fault that it cannot be."""
    made = store.built("with-bill", "a")
    bill = {"mediaType": "application/vnd.oci.empty.v1+json", **store.blob("with-bill", b"{}")}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": bill, "layers": made["layers"]}
    other = store.manifest("with-bill", "b", document)
    store.listed("with-bill", "1", (made["digest"], AMD), (other, ""))
    result = asked(store, "with-bill")
    (found,) = result.observed.values()
    assert (result.verdict, found["platforms"]) == (P, [AMD]), result.headline


async def with_windows(lost: tuple[str, ...], **params: Any) -> CheckResult:
    """Ask for an image of Linux and Windows, whose foreign layer is elsewhere, without the lost blobs."""
    rows: dict[str, tuple[int, str, bytes]] = {}
    members = []
    for system, kind, layer in (("linux", LAYER, b"l"), ("windows", FOREIGN, b"w")):
        config = json.dumps({"os": system, "architecture": "amd64"}).encode()
        told = {"mediaType": kind, "digest": sha256(layer), "size": 1}
        described = {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [told]}
        body = json.dumps(document).encode()
        rows[f"/v2/a/manifests/{sha256(body)}"] = (200, MANIFEST, body)
        rows[f"/v2/a/blobs/{sha256(config)}"] = (200, "x/y", config)
        platform = {"os": system, "architecture": "amd64"}
        members.append({"mediaType": MANIFEST, "digest": sha256(body), "size": 1, "platform": platform})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": members}).encode()
    rows["/v2/a/manifests/1"] = (200, INDEX, index)
    rows |= {} if "linux" in lost else {f"/v2/a/blobs/{sha256(b'l')}": (200, "x/y", b"l")}
    return await standing_in(rows, **params)


def test_layer_elsewhere_matters_to_its_own_platform() -> None:
    """Linux is whole; nothing is known of Windows; and a layer that is gone outweighs what is unknown."""
    windows = "windows/amd64"
    cases = (
        (((), [AMD]), P),
        (((), [windows]), Q),
        (((), []), Q),
        ((("linux",), [AMD]), F),
        ((("linux",), []), F),
    )
    for (lost, platforms), verdict in cases:
        result = run(with_windows(lost, platforms=platforms))
        assert result.verdict is verdict, (lost, platforms, result.headline)


def test_layers_are_asked_for_and_not_downloaded() -> None:
    """HEAD is enough; a size that is told of compressed bytes is not that of the layer."""
    layer, seen = b"layer" * 100, []
    rows = small((LAYER, layer))

    async def answer(request: web.Request) -> web.Response:
        status, kind, body = rows[request.path]
        headers = {"Content-Type": kind}
        if sha256(layer) in request.path:
            seen.append(request.method)
            headers |= {"Content-Encoding": "gzip", "Content-Length": "20"}
        return web.Response(status=status, body=b"" if request.method == "HEAD" else body, headers=headers)

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with serving(app) as port:
            ctx = context({"registry": http_connection(port, "registry")})
            return await check(ctx, "container_image", images=["a"], tag="1")

    assert (run(ask()).verdict, seen) == (P, ["HEAD"])
