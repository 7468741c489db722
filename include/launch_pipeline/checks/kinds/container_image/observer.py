"""Observes ``container_image``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.container_image.registry_api import INDEXES, Manifest, Registry
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, NotConnected

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.container_image.definition import ContainerImageParams

_SIGNATURES = {
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
}
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_KUBERNETES = "kubernetes"


async def observe(params: ContainerImageParams, ctx: CheckContext) -> Observation:
    """Look up every image.

    Raises Unreachable if the registry does not answer, Inconclusive if it denies access or
    does not speak the registry API. A signature's existence does not prove who signed.
    """
    registry = Registry(ctx, await ctx.connection(params.conn_id))
    if not registry.base.host:
        message = f"connection '{params.conn_id}' has no host"
        raise Inconclusive(message)
    async with ctx.clients.limit(str(registry.base.origin())):
        facts = await asyncio.gather(*(_image(params, registry, image) for image in params.images))
    running = await _running(ctx) if params.deployed else {}
    for image, seen in zip(params.images, facts, strict=True):
        if params.deployed:
            seen.update(_deployment(running, _repository(registry, image), seen))
        seen.pop("children", None)
    names = [f"{image}:{params.tag}" for image in params.images]
    subjects = tuple(Subject(name=n, facts=f) for n, f in zip(names, facts, strict=True))
    keep = ("digest", "platforms", "created", "signed", "deployed_digests")
    summary = {s.name: {key: s.facts[key] for key in keep if key in s.facts} for s in subjects}
    return Observation(subjects=subjects, authority=str(registry.base.origin()), summary=summary)


def _repository(registry: Registry, image: str) -> str:
    """Return the name within the registry; raises NotConnected for an image of another registry."""
    first, _, rest = image.partition("/")
    if not rest or not ("." in first or ":" in first or first == "localhost"):
        return image
    if first not in {registry.base.host, registry.base.host_port_subcomponent, registry.base.authority}:
        message = f"{image} is not in the registry {registry.base.authority}; set 'conn_id'"
        raise NotConnected(message)
    return rest


async def _image(params: ContainerImageParams, registry: Registry, image: str) -> dict[str, Any]:
    name = _repository(registry, image)
    manifest = await registry.manifest(name, params.tag)
    if manifest is None:
        return {"digest": None, "platforms": [], "labels": {}}
    configurations, platforms = await _platforms(params, registry, name, manifest)
    facts: dict[str, Any] = {
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "platforms": sorted(platforms),
        "created": next((c["created"] for c in configurations if c.get("created")), None),
        "labels": _labels(configurations),
        "children": [str(one.get("digest")) for one in _children(manifest)],
    }
    if params.signed:
        facts["signed"] = await _signed(registry, name, manifest.digest)
    return facts


def _children(manifest: Manifest) -> list[dict[str, Any]]:
    """List the manifests of an index, without attestations (platform ``unknown``)."""
    listed = manifest.document.get("manifests") if manifest.media_type in INDEXES else []
    children = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [one for one in children if (one.get("platform") or {}).get("os") not in {None, "unknown"}]


def _spellings(platform: dict[str, Any]) -> list[str]:
    """Name a platform with and without its variant: ``linux/arm64/v8`` is ``linux/arm64``."""
    base = f"{platform.get('os')}/{platform.get('architecture')}"
    return [base, f"{base}/{platform['variant']}"] if platform.get("variant") else [base]


async def _platforms(
    params: ContainerImageParams, registry: Registry, name: str, manifest: Manifest
) -> tuple[list[dict[str, Any]], set[str]]:
    """Read the configuration of the image, or of every wanted platform of an index, and name the platforms.

    A platform that the index lists but the registry lacks is left out: it cannot be pulled.
    """
    if manifest.media_type not in INDEXES:
        configuration = await _configuration(registry, name, manifest)
        return [configuration], set(_spellings(configuration))
    wanted, platforms, found = set(params.platforms), set[str](), []
    for one in _children(manifest):
        spellings = _spellings(one["platform"])
        if wanted and not wanted & set(spellings):
            platforms.update(spellings)
            continue
        child = await registry.manifest(name, str(one.get("digest")))
        if child is not None:
            found.append(await _configuration(registry, name, child))
            platforms.update(spellings)
    return found, platforms


async def _configuration(registry: Registry, name: str, manifest: Manifest) -> dict[str, Any]:
    return await registry.blob(name, str((manifest.document.get("config") or {}).get("digest")))


def _labels(configurations: list[dict[str, Any]]) -> dict[str, str]:
    """Join the labels; if platforms differ, all values are shown and none equals the wanted one."""
    each = [(config.get("config") or {}).get("Labels") or {} for config in configurations]
    names = sorted({name for labels in each for name in labels})
    values = {name: sorted({str(labels.get(name, "")) for labels in each}) for name in names}
    return {name: " | ".join(found) for name, found in values.items()}


async def _signed(registry: Registry, name: str, digest: str) -> bool:
    if await registry.manifest(name, f"{digest.replace(':', '-')}.sig") is not None:
        return True
    return any(map(_is_signature, await registry.referrers(name, digest)))


def _is_signature(one: dict[str, Any]) -> bool:
    """Return whether a referrer is a signature, not an SBOM or a build attestation."""
    kind, notes = str(one.get("artifactType") or ""), one.get("annotations") or {}
    if kind in _SIGNATURES:
        return True
    predicate = str(notes.get("dev.sigstore.bundle.predicateType") or "")
    content = notes.get("dev.sigstore.bundle.content")
    return kind.startswith(_BUNDLE) and (
        content == "message-signature" or predicate.startswith("https://sigstore.dev/cosign/sign/")
    )


async def _running(ctx: CheckContext) -> dict[str, set[str]]:
    """Return the digests that the running pods of the namespace use, by repository."""
    from launch_pipeline.checks.clients.kubernetes import cluster_of  # noqa: PLC0415  (heavy)

    namespace = ctx.environment.variables.get("namespace")
    if not namespace:
        message = "variable 'namespace' is not set; 'deployed' reads the pods there"
        raise NotConnected(message)
    cluster = await cluster_of(ctx, _KUBERNETES)
    pods_kind = await cluster.resource("v1", "Pod")
    pods = await cluster.listed(pods_kind, str(namespace)) if pods_kind else []
    running: dict[str, set[str]] = {}
    for pod in pods:
        status = pod.get("status") or {}
        for one in status.get("containerStatuses") or [] if status.get("phase") == "Running" else []:
            where, _, digest = str(one.get("imageID")).rpartition("://")[2].rpartition("@")
            running.setdefault(where, set()).add(digest)
    return running


def _deployment(running: dict[str, set[str]], name: str, seen: dict[str, Any]) -> dict[str, Any]:
    """Compare the running digests; a node may report its platform's image instead of the index."""
    digests = {d for where, found in running.items() if _same(where, name) for d in found}
    own = {seen["digest"], *seen.get("children", [])}
    named = sorted({seen["digest"] if digest in own else digest for digest in digests})
    return {"deployed_digests": named, "deployed": named == [seen["digest"]]}


def _same(where: str, name: str) -> bool:
    return where == name or where.endswith(f"/{name}")
