"""Looks at what an image consists of: its platforms, their configurations and every layer.

By https://github.com/opencontainers/image-spec (manifest.md, image-index.md, config.md). A manifest alone
proves nothing: without one of its blobs no node can pull it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.container_image.registry_api import (
    CONFIGURATIONS,
    INDEXES,
    Manifest,
    Registry,
    mappings,
    parsed,
)
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_BLOBS = 1000
_ELSEWHERE = ("foreign", "nondistributable")
"""Layers that their vendor forbids to push; they have URLs of their own."""
_ATTESTATION = "vnd.docker.reference.type"
_SAME = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


@dataclass
class Contents:
    """What was found of an image, or of one platform of it."""

    platforms: set[str] = field(default_factory=set)
    """Platforms of which everything is there, with and without their variant."""
    configurations: list[tuple[set[str], dict[str, Any]]] = field(default_factory=list)
    """Platforms and configuration of each image."""
    problems: list[str] = field(default_factory=list)
    """Why an image cannot be pulled, or is not what it is called."""
    unseen: list[tuple[set[str], str]] = field(default_factory=list)
    """What could not be looked at, with its platforms."""
    digests: set[str] = field(default_factory=set)
    """Digests by which a node may name the image: those of manifests and of configurations."""

    def add(self, other: Contents) -> None:
        """Add what was found of another platform."""
        self.platforms |= other.platforms
        self.configurations += other.configurations
        self.problems += other.problems
        self.unseen += other.unseen
        self.digests |= other.digests


async def contents(registry: Registry, name: str, manifest: Manifest) -> Contents:
    """Look at an image, or at every image of an index."""
    if manifest.media_type not in INDEXES:
        return await _image(registry, name, manifest, {})
    members = [one for one in mappings(manifest.document, "manifests") if not _attests(one)]
    found = Contents(digests={manifest.digest})
    for one in await together(_member(registry, name, member) for member in members):
        found.add(one)
    if not found.platforms and not found.problems and not found.unseen:
        found.problems.append("the index names no platform")
    return found


def _attests(member: Mapping[str, Any]) -> bool:
    """Return whether a member is BuildKit's attestation, which no platform runs."""
    platform, notes = member.get("platform") or {}, member.get("annotations") or {}
    return platform.get("os") == "unknown" or _ATTESTATION in notes


async def _member(registry: Registry, name: str, member: Mapping[str, Any]) -> Contents:
    platform, digest = member.get("platform") or {}, str(member.get("digest"))
    label = spellings(platform)[-1] if platform.get("os") else digest
    if member.get("mediaType") in INDEXES:
        return Contents(unseen=[(set(), f"{label} is an index within the index, which is not looked into")])
    manifest = await registry.manifest(name, digest)
    if manifest is None:
        return Contents(problems=[f"the manifest of {label} is not in the registry"])
    if not platform.get("os") and not _is_image(manifest):
        return Contents()
    return await _image(registry, name, manifest, platform)


def _is_image(manifest: Manifest) -> bool:
    return (manifest.document.get("config") or {}).get("mediaType") in CONFIGURATIONS


async def _image(registry: Registry, name: str, manifest: Manifest, platform: Mapping[str, Any]) -> Contents:
    config = manifest.document.get("config") or {}
    found = Contents(digests={manifest.digest, str(config.get("digest"))})
    if not _is_image(manifest):
        what = manifest.document.get("artifactType") or config.get("mediaType")
        found.problems.append(f"it is no image, but '{what}'"[:200])
        return found
    body = await registry.blob(name, str(config.get("digest")))
    configuration = parsed(body) if body is not None else None
    if configuration is None:
        lost = "is not in the registry" if body is None else "is no JSON object"
        found.problems.append(f"the configuration {config.get('digest')} {lost}")
        return found
    names = spellings({**configuration, **platform})
    found.problems += _contradictions(configuration, platform, manifest)
    await _layers(registry, name, manifest, found, set(names))
    found.problems = [f"{names[-1]}: {problem}" for problem in found.problems]
    if not found.problems:
        found.platforms.update(names)
    found.configurations.append((set(names), configuration))
    return found


def spellings(platform: Mapping[str, Any]) -> list[str]:
    """Name a platform without and with its variant: ``linux/arm64/v8`` is ``linux/arm64``."""
    base = f"{platform.get('os')}/{platform.get('architecture')}"
    return [base, f"{base}/{platform['variant']}"] if platform.get("variant") else [base]


def _contradictions(
    configuration: Mapping[str, Any], platform: Mapping[str, Any], manifest: Manifest
) -> list[str]:
    """Return what an image's configuration says otherwise than its index or its manifest."""
    found = []
    own = [configuration.get("os"), configuration.get("architecture")]
    if not all(own):
        found.append("its configuration names no platform")
    for part in ("os", "architecture", "variant"):
        said, built = platform.get(part), configuration.get(part)
        if said and built and _SAME.get(said, said) != _SAME.get(built, built):
            found.append(f"the index says {said}, the image is built for {built}")
    layers, parts = mappings(manifest.document, "layers"), (configuration.get("rootfs") or {}).get("diff_ids")
    if not layers:
        found.append("it has no layers")
    elif isinstance(parts, list) and len(parts) != len(layers):
        found.append(f"it has {len(layers)} layers, its configuration names {len(parts)}")
    return found


async def _layers(
    registry: Registry, name: str, manifest: Manifest, found: Contents, platforms: set[str]
) -> None:
    layers = _distinct(mappings(manifest.document, "layers"))
    if len(layers) > _MOST_BLOBS:
        message = f"{name} has more than {_MOST_BLOBS} layers; the check does not look at so many"
        raise Inconclusive(message)
    lacks = await together(registry.lacks(name, one) for one in layers)
    for layer, lack in zip(layers, lacks, strict=True):
        if lack and any(word in str(layer.get("mediaType")) for word in _ELSEWHERE):
            reason = f"the layer {layer.get('digest')} is kept elsewhere, which is not looked at"
            found.unseen.append((platforms, reason))
        elif lack:
            found.problems.append(f"the layer {layer.get('digest')} {lack}")


def _distinct(layers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({str(one.get("digest")): one for one in layers}.values())
